import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { ActivityTracker } from "../../web/static/js/session/activity_tracker.js";

const PING_SECONDS = 600;
const INTERVAL_MS = PING_SECONDS * 1000;

let requests;
let answer;
let page;

beforeEach((context) => {
  context.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_700_000_000_000 });
  requests = [];
  answer = { status: 200, body: { success: true } };
  page = new EventTarget();
  const { fetch } = globalThis;
  Object.assign(globalThis, {
    addEventListener: (type, listener, options) => page.addEventListener(type, listener, options),
    fetch: async (path, options) => {
      requests.push([path, JSON.parse(options.body)]);
      if (answer === "offline") throw new TypeError("offline");
      return new Response(JSON.stringify(answer.body), { status: answer.status });
    },
  });
  context.after(() => {
    globalThis.fetch = fetch;
    delete globalThis.addEventListener;
  });
});

/** A tracker, and what it told the guard and the other tabs. */
function tracker({ leads = true } = {}) {
  const told = { said: [], ended: 0, pinged: 0 };
  const made = new ActivityTracker({
    pingSeconds: PING_SECONDS,
    leads: () => leads,
    say: (message) => told.said.push(message.kind),
    onEnded: () => (told.ended += 1),
    onPinged: () => (told.pinged += 1),
  });
  made.start();
  return { tracker: made, told };
}

/** A member's hand: only what the browser itself reports counts. */
function input(type, isTrusted = true) {
  const event = new Event(type);
  Object.defineProperty(event, "isTrusted", { value: isTrusted });
  page.dispatchEvent(event);
}

/** Lets time pass, and requests made meanwhile be answered. */
async function pass(context, milliseconds) {
  context.mock.timers.tick(milliseconds);
  await new Promise((resolve) => setImmediate(resolve));
}

test("nobody there, no ping", async (context) => {
  tracker();
  await pass(context, 5 * INTERVAL_MS);
  assert.deepEqual(requests, []);
});

for (const type of ["mousemove", "keydown", "keypress", "scroll", "click", "touchstart"]) {
  test(`${type} is somebody there: one ping when the interval is over`, async (context) => {
    tracker();
    await pass(context, 1_000);
    input(type);
    await pass(context, INTERVAL_MS - 2_000);
    assert.equal(requests.length, 0);
    await pass(context, 1_000);
    assert.deepEqual(requests, [["/api/update-activity", { active_ms_ago: INTERVAL_MS - 1_000 }]]);
    await pass(context, 5 * INTERVAL_MS);
    assert.equal(requests.length, 1);
  });
}

test("an event that a script made is nobody", async (context) => {
  tracker();
  await pass(context, 1_000);
  input("click", false);
  await pass(context, 2 * INTERVAL_MS);
  assert.deepEqual(requests, []);
});

test("a sign of life is never said to be older than ten minutes", async (context) => {
  const { tracker: one } = tracker();
  await pass(context, 1_000);
  input("click");
  await pass(context, 1_000);
  one.hear({ kind: "pinged", at: Date.now() - 1_500 });
  await pass(context, INTERVAL_MS);
  assert.deepEqual(requests[0][1], { active_ms_ago: INTERVAL_MS });
});

test("a tab that does not lead tells the others and does not ping", async (context) => {
  const { told } = tracker({ leads: false });
  await pass(context, 1_000);
  input("click");
  input("click");
  await pass(context, 2 * INTERVAL_MS);
  assert.deepEqual(told.said, ["input"]);
  assert.deepEqual(requests, []);
});

test("the leader pings for what another tab saw", async (context) => {
  const { tracker: leader } = tracker();
  await pass(context, 1_000);
  leader.hear({ kind: "input", at: Date.now() });
  await pass(context, INTERVAL_MS);
  assert.equal(requests.length, 1);
});

test("a ping by another tab starts the interval anew", async (context) => {
  const { tracker: one } = tracker();
  await pass(context, 1_000);
  input("click");
  await pass(context, INTERVAL_MS / 2);
  one.hear({ kind: "pinged", at: Date.now() });
  await pass(context, INTERVAL_MS);
  assert.deepEqual(requests, []);
});

test("401 and 419 end it; other answers do not", async () => {
  for (const [status, ended] of [[401, 1], [419, 1], [503, 0], [500, 0]]) {
    answer = { status, body: {} };
    const { tracker: one, told } = tracker();
    assert.equal(await one.ping(), false);
    assert.equal(told.ended, ended, String(status));
    one.stop();
  }
});

test("without a network it asks again, for the same sign of life", async (context) => {
  tracker();
  answer = "offline";
  await pass(context, 1_000);
  input("click");
  await pass(context, INTERVAL_MS);
  assert.equal(requests.length, 1);
  answer = { status: 200, body: {} };
  await pass(context, 30_000);
  assert.equal(requests.length, 2);
  await pass(context, 5 * INTERVAL_MS);
  assert.equal(requests.length, 2);
});

test("while the end is announced a deliberate input stays at once, a brush does not", async (context) => {
  const { tracker: one, told } = tracker();
  one.expectEnd();
  input("mousemove");
  await pass(context, 0);
  assert.equal(requests.length, 0);
  input("keydown");
  input("click");
  await pass(context, 0);
  assert.equal(requests.length, 1);
  assert.equal(told.pinged, 1);
  input("click");
  await pass(context, 0);
  assert.equal(requests.length, 1);
});

test("stopped, it hears nothing more", async (context) => {
  const { tracker: one } = tracker();
  one.stop();
  input("click");
  await pass(context, 2 * INTERVAL_MS);
  assert.deepEqual(requests, []);
});
