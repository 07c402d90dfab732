import assert from "node:assert/strict";
import { test } from "node:test";
import { Leadership } from "../../web/static/js/session/leadership.js";
import { FakeLocks, settle } from "./fakes.js";

/** A tab that writes down what becomes of it. */
function tab(locks, name = "leader") {
  const story = [];
  const leadership = new Leadership(name, {
    onGain: () => story.push("leads"),
    onLoss: () => story.push("follows"),
    locks,
  });
  return { story, leadership };
}

test("one of several tabs leads", async () => {
  const locks = new FakeLocks();
  const [first, second] = [tab(locks), tab(locks)];
  first.leadership.seek();
  second.leadership.seek();
  await settle();
  assert.equal(first.leadership.leads, true);
  assert.equal(second.leadership.leads, false);
});

test("the next in line leads when the leader goes", async () => {
  const locks = new FakeLocks();
  const tabs = [tab(locks), tab(locks), tab(locks)];
  for (const { leadership } of tabs) leadership.seek();
  await settle();
  tabs[0].leadership.resign();
  await settle();
  assert.deepEqual(tabs.map(({ leadership }) => leadership.leads), [false, true, false]);
  assert.deepEqual(tabs[0].story, ["leads", "follows"]);
});

test("a tab that left the line never leads", async () => {
  const locks = new FakeLocks();
  const [first, second] = [tab(locks), tab(locks)];
  first.leadership.seek();
  second.leadership.seek();
  await settle();
  second.leadership.resign();
  first.leadership.resign();
  await settle();
  assert.deepEqual(second.story, []);
});

test("a lock that comes in the moment of leaving is let go again", async () => {
  const locks = new FakeLocks();
  const [leaving, staying] = [tab(locks), tab(locks)];
  const { request } = locks;
  let granted;
  locks.request = (name, options, held) => {
    granted = () => request.call(locks, name, options, held);
    return new Promise(() => {});
  };
  leaving.leadership.seek();
  locks.request = request;
  leaving.leadership.resign();
  granted();
  staying.leadership.seek();
  await settle();
  assert.deepEqual(leaving.story, []);
  assert.equal(staying.leadership.leads, true);
});

test("a silent leader is deposed, and stands in line again", async () => {
  const locks = new FakeLocks();
  const [frozen, awake] = [tab(locks), tab(locks)];
  frozen.leadership.seek();
  awake.leadership.seek();
  await settle();
  awake.leadership.seize();
  await settle();
  assert.deepEqual(frozen.story, ["leads", "follows"]);
  assert.equal(awake.leadership.leads, true);
  awake.leadership.resign();
  await settle();
  assert.equal(frozen.leadership.leads, true);
});

test("without Web Locks every tab leads itself", () => {
  const alone = new Leadership("leader", { onGain: () => {}, onLoss: () => {}, locks: null });
  alone.seek();
  assert.equal(alone.leads, true);
  alone.resign();
  assert.equal(alone.leads, false);
});
