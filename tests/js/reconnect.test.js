import assert from "node:assert/strict";
import { test } from "node:test";
import { comesBack, delayBefore, MAX_DELAY_MS, MIN_DELAY_MS } from "../../web/static/js/lib/reconnect.js";

test("a client comes back after 4000-4399 and after losing the network", () => {
  for (const code of [0, 1001, 1005, 1006, 1008, 1009, 4000, 4001, 4008, 4029, 4399]) {
    assert.equal(comesBack(code), true, String(code));
  }
});

test("a client stays away after 4400-4999", () => {
  for (const code of [4400, 4401, 4403, 4404, 4408, 4501, 4503, 4519, 4999]) {
    assert.equal(comesBack(code), false, String(code));
  }
});

test("waits grow by doubling, with full jitter between half a second and half a minute", () => {
  const ceilings = [1000, 2000, 4000, 8000, 16000, 30000, 30000];
  ceilings.forEach((ceiling, failures) => {
    assert.equal(delayBefore(failures, { random: () => 0 }), MIN_DELAY_MS);
    assert.equal(delayBefore(failures, { random: () => 1 }), ceiling);
    assert.equal(delayBefore(failures, { random: () => 0.5 }), (MIN_DELAY_MS + ceiling) / 2);
  });
});

test("it never gives up and never waits longer than half a minute", () => {
  assert.equal(delayBefore(100_000, { random: () => 1 }), MAX_DELAY_MS);
});

test("a wait that the server names in the close's reason is taken as it is", () => {
  assert.equal(delayBefore(5, { code: 4001, reason: "retry=12345" }), 12_345);
  assert.equal(delayBefore(5, { code: 4001, reason: "retry=1" }), MIN_DELAY_MS);
  assert.equal(delayBefore(0, { reason: "retry=soon", random: () => 1 }), 1_000);
});

test("too many (4029) asks for a long wait at once", () => {
  assert.equal(delayBefore(0, { code: 4029, random: () => 0 }), 10_000);
  assert.equal(delayBefore(0, { code: 4029, random: () => 1 }), 30_000);
});
