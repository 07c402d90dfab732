import assert from "node:assert/strict";
import { test } from "node:test";
import { TabRoll } from "../../web/static/js/session/tab_roll.js";

/** Longer than a tab has to answer a roll-call. */
const ROLL_CALL_OVER_MS = 1_500;

/** Tabs that hear each other, as over a BroadcastChannel. */
function browser(context) {
  context.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const tabs = [];
  return (id, since) => {
    const tab = { id, changes: 0, crashed: false };
    tab.roll = new TabRoll({
      say: (message) => tabs.forEach((other) => other !== tab && !other.crashed && other.roll.hear(message)),
      me: () => ({ id, title: id, since, visible: true, leads: false }),
      onChange: () => (tab.changes += 1),
    });
    tabs.push(tab);
    tab.roll.start();
    return tab;
  };
}

const names = (tab) => tab.roll.tabs.map(({ id }) => id);

test("each tab knows all, itself first and the others by age", (context) => {
  const open = browser(context);
  const [a, b, c] = [open("a", 1), open("b", 2), open("c", 3)];
  assert.deepEqual(names(a), ["a", "b", "c"]);
  assert.deepEqual(names(b), ["b", "a", "c"]);
  assert.deepEqual(names(c), ["c", "a", "b"]);
});

test("a tab that closes is gone at once", (context) => {
  const open = browser(context);
  const [a, b] = [open("a", 1), open("b", 2)];
  b.roll.stop();
  assert.deepEqual(names(a), ["a"]);
});

test("a tab that crashed is missed at the next roll-call", (context) => {
  const open = browser(context);
  const [a, b, c] = [open("a", 1), open("b", 2), open("c", 3)];
  b.crashed = true;
  a.roll.call();
  assert.deepEqual(names(a), ["a", "b", "c"]);
  context.mock.timers.tick(ROLL_CALL_OVER_MS);
  assert.deepEqual(names(a), ["a", "c"]);
  assert.deepEqual(names(c), ["c", "a", "b"]);
});
