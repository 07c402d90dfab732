import assert from "node:assert/strict";
import { test } from "node:test";
import { browserId, claimTabId, forget, newTabId } from "../../web/static/js/session/identity.js";
import { FakeLocks, FakeStorage } from "./fakes.js";

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const TAB_ID = /^tab_\d+_[0-9a-z]{7}$/;

/** Longer than a turn of the loop, shorter than a test's patience. */
const WAIT_MS = 20;

test("a browser keeps its id", () => {
  const storage = new FakeStorage();
  const id = browserId(storage);
  assert.match(id, UUID_V4);
  assert.equal(browserId(storage), id);
});

test("a browser without storage has an id all the same", () => {
  assert.match(browserId(null), UUID_V4);
});

test("a tab's id has milliseconds and seven characters of base 36", () => {
  assert.equal(newTabId(1_700_000_000_000, () => 0.123456789), "tab_1700000000000_4fzzzxj");
  assert.match(newTabId(1, () => 0), /^tab_1_0{7}$/);
});

test("a reload keeps the tab's id", async () => {
  const options = { storage: new FakeStorage(), locks: new FakeLocks(), waitMs: WAIT_MS };
  const first = await claimTabId(options);
  first.release();
  const second = await claimTabId(options);
  assert.match(first.id, TAB_ID);
  assert.equal(second.id, first.id);
});

test("a page that is still leaving hands its id over", async () => {
  const options = { storage: new FakeStorage(), locks: new FakeLocks(), waitMs: 1_000 };
  const first = await claimTabId(options);
  setTimeout(first.release, WAIT_MS);
  assert.equal((await claimTabId(options)).id, first.id);
});

test("a duplicated tab gets an id of its own", async () => {
  const locks = new FakeLocks();
  const first = await claimTabId({ storage: new FakeStorage(), locks, waitMs: WAIT_MS });
  const copied = new FakeStorage({ tab_id: first.id });
  const second = await claimTabId({ storage: copied, locks, waitMs: WAIT_MS });
  assert.notEqual(second.id, first.id);
  assert.equal(copied.getItem("tab_id"), second.id);
});

test("leaving a session forgets the tab and not the browser", () => {
  const storage = new FakeStorage({ tab_id: "tab_1_abcdefg", browser_id: "b" });
  forget(storage);
  assert.equal(storage.getItem("tab_id"), null);
  assert.equal(storage.getItem("browser_id"), "b");
});
