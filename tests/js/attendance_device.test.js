import assert from "node:assert/strict";
import { test } from "node:test";
import {
  dateIn,
  deviceId,
  forgetEntries,
  recall,
  remember,
} from "../../web/static/js/attendance/attendance_device.js";

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const DEVICE = "0b4ee3a5-6a0b-4f6c-9b8e-0f6a54a6d1aa";
const KEY = `attendance_submitted_m1_${DEVICE}`;
const WHERE = { meeting: "m1", device: DEVICE, day: "2026-11-21", zone: "Asia/Jakarta", revoked: [] };
const ENTRY = {
  name: "Budi",
  class: "10A",
  timestamp: "2026-11-20T23:30:00.000Z",
  attendanceId: "a1",
};

/** localStorage, all of it that is used here. */
class Storage {
  constructor(values = {}) {
    this.values = new Map(Object.entries(values));
  }

  get length() {
    return this.values.size;
  }

  key(at) {
    return [...this.values.keys()][at] ?? null;
  }

  getItem(key) {
    return this.values.get(key) ?? null;
  }

  setItem(key, value) {
    this.values.set(key, String(value));
  }

  removeItem(key) {
    this.values.delete(key);
  }
}

test("a device keeps its id", () => {
  const storage = new Storage();
  const id = deviceId(storage);
  assert.match(id, UUID_V4);
  assert.equal(deviceId(storage, DEVICE), id);
  assert.equal(storage.getItem("attendance_device_id"), id);
});

test("a device whose storage was cleared takes the id that the server remembers", () => {
  const storage = new Storage();
  assert.equal(deviceId(storage, DEVICE), DEVICE);
  assert.equal(storage.getItem("attendance_device_id"), DEVICE);
  assert.match(deviceId(new Storage(), "no id"), UUID_V4);
});

test("an id that is no UUID is replaced", () => {
  assert.match(deviceId(new Storage({ attendance_device_id: "undefined" })), UUID_V4);
});

test("without storage there is an id all the same", () => {
  assert.match(deviceId(null), UUID_V4);
  const forbidden = { getItem: () => { throw new Error("no"); }, setItem: () => { throw new Error("no"); } };
  assert.match(deviceId(forbidden), UUID_V4);
});

test("what was filled in today is recalled, by the meeting's own day", () => {
  const storage = new Storage({ [KEY]: JSON.stringify(ENTRY) });
  assert.deepEqual(recall(storage, WHERE), ENTRY);
});

test("another day's entry is deleted, and the form is open", () => {
  const storage = new Storage({ [KEY]: JSON.stringify({ ...ENTRY, day: "2026-11-20" }) });
  assert.equal(recall(storage, WHERE), null);
  assert.equal(storage.getItem(KEY), null);
});

test("entries of other meetings go when their day is over", () => {
  const storage = new Storage({
    attendance_submitted_m2_x: JSON.stringify({ ...ENTRY, day: "2026-11-20" }),
    attendance_submitted_m3_x: JSON.stringify({ ...ENTRY, day: "2026-11-21" }),
    something_else: "kept",
  });
  recall(storage, WHERE);
  assert.deepEqual([...storage.values.keys()], ["attendance_submitted_m3_x", "something_else"]);
});

test("what the teacher took back is forgotten", () => {
  const storage = new Storage({ [KEY]: JSON.stringify(ENTRY) });
  assert.equal(recall(storage, { ...WHERE, revoked: ["a1"] }), null);
});

test("broken entries are deleted, and the form is open", () => {
  for (const broken of ["", "{", "null", "[]", "7", '"x"', '{"error":true,"name":"Budi"}']) {
    const storage = new Storage({ [KEY]: broken });
    assert.equal(recall(storage, WHERE), null, broken);
    assert.equal(storage.getItem(KEY), null, broken);
  }
});

test("traces go and the device stays", () => {
  const storage = new Storage();
  deviceId(storage);
  remember(storage, "m1", DEVICE, ENTRY);
  assert.deepEqual(JSON.parse(storage.getItem(KEY)), ENTRY);
  forgetEntries(storage);
  assert.deepEqual([...storage.values.keys()], ["attendance_device_id"]);
});

test("a date is the zone's, not the phone's", () => {
  const moment = new Date("2026-11-20T17:00:00Z");
  assert.equal(dateIn(moment, "Asia/Jakarta"), "2026-11-21");
  assert.equal(dateIn(moment, "America/New_York"), "2026-11-20");
  assert.match(dateIn(moment, "Nowhere/Land"), /^\d{4}-\d{2}-\d{2}$/);
});
