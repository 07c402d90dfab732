import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { beforeEach, test } from "node:test";
import vm from "node:vm";
import { FakeStorage, FakeStream, settle, Timers } from "./fakes.js";

const SCRIPT = new URL("../../web/static/js/embed/realtime.js", import.meta.url);
const SOURCE = readFileSync(SCRIPT, "utf8");

/** The documented delays, each half again as long as the one before, up to half a minute. */
const DELAYS_MS = [3000, 4500, 6750, 10125, 15188, 22781, 30000, 30000];

/** Wherever the jitter falls, this is past the wait and the time a connection takes to prove itself. */
const LONG_MS = 60_000;

beforeEach(() => {
  FakeStream.made = [];
});

/** Runs the script in a page of its own. */
function page({ classes = [], guard = false, frame = null, random = () => 0.5, status = 200 } = {}) {
  const timers = new Timers();
  const log = [];
  const probes = [];
  const windowEvents = new EventTarget();
  const note = (...words) => log.push(words.join(" "));
  const body = {
    classList: {
      add: (name) => classes.push(name),
      remove: (name) => classes.splice(classes.indexOf(name), 1),
      contains: (name) => classes.includes(name),
    },
    dataset: { user: "budi & ani" },
  };
  const window = {
    location: { origin: "http://jaga.test", href: "http://jaga.test/kelas" },
    addEventListener: (...words) => windowEvents.addEventListener(...words),
    removeEventListener: (...words) => windowEvents.removeEventListener(...words),
  };
  const world = {
    window,
    document: {
      body,
      readyState: "complete",
      cookie: "device_fp=abc",
      addEventListener: (...words) => windowEvents.addEventListener(...words),
      removeEventListener: (...words) => windowEvents.removeEventListener(...words),
      querySelector: () => (guard ? {} : null),
      getElementById: () => frame,
    },
    EventSource: FakeStream,
    sessionStorage: new FakeStorage({ tab_id: "tab_1_abcdefg" }),
    console: { log: note, error: note },
    setTimeout: timers.set,
    clearTimeout: timers.clear,
    fetch: async (address) => {
      probes.push(address);
      return { status };
    },
    Date,
    Math: Object.assign(Object.create(Math), { random }),
    AbortController,
    URL,
  };
  vm.runInNewContext(SOURCE, world);
  const say = (type, fields) => windowEvents.dispatchEvent(Object.assign(new Event(type), fields));
  return { timers, log, probes, window, classes, say, RealtimeMonitor: window.RealtimeMonitor };
}

/** A started monitor, and the callbacks it made. */
function monitor(world, options = {}) {
  const calls = [];
  const names = [
    "onNewAttendance",
    "onUpdateAttendance",
    "onError",
    "onConnected",
    "onDisconnected",
    "onSessionEnded",
  ];
  const listeners = names.map((name) => [name, (value) => calls.push([name, value])]);
  const made = new world.RealtimeMonitor({ ...Object.fromEntries(listeners), ...options });
  made.start();
  return { monitor: made, calls };
}

test("it has the documented fields before anything happens", () => {
  const made = new (page().RealtimeMonitor)();
  assert.equal(made.eventSource, null);
  assert.equal(made.reconnectDelay, 3000);
  assert.equal(made.maxReconnectDelay, 30000);
  assert.equal(made.isConnected, false);
  assert.equal(made.isConnectedToServer(), false);
  assert.equal(made.baseUrl, "http://jaga.test");
  assert.ok(Math.abs(made.lastCheck - Date.now() / 1000) < 5);
  for (const method of ["start", "connect", "reconnect", "handleChanges", "handleChange", "stop"]) {
    assert.equal(typeof made[method], "function", method);
  }
});

test("its address is right whether the base ends in a slash or not", () => {
  for (const baseUrl of ["http://jaga.test", "http://jaga.test/", "http://jaga.test//"]) {
    monitor(page(), { baseUrl, user: "budi & ani" });
    assert.equal(
      FakeStream.last.address,
      "http://jaga.test/api/realtime/attendance-stream?tab_id=tab_1_abcdefg&user=budi%20%26%20ani",
    );
  }
});

test("waits grow by half to half a minute, and it never gives up", async () => {
  const world = page();
  monitor(world);
  const waits = [];
  for (const _ of DELAYS_MS) {
    FakeStream.last.fail();
    await settle();
    waits.push(...world.timers.waiting);
    world.timers.pass(LONG_MS);
  }
  assert.deepEqual(waits, DELAYS_MS);
  assert.ok(world.log.includes("[SSE] Reconnecting in 15188ms..."));
});

test("each wait is a fifth shorter or longer at most", async () => {
  for (const [random, factor] of [[() => 0, 0.8], [() => 1, 1.2]]) {
    const world = page({ random });
    monitor(world);
    for (const delay of [3000, 4500, 6750]) {
      FakeStream.last.fail();
      await settle();
      assert.deepEqual(world.timers.waiting, [Math.round(delay * factor)]);
      world.timers.pass(LONG_MS);
    }
  }
});

test("a connection that has lasted starts the waits anew, one that was dropped does not", () => {
  const world = page();
  const { monitor: made } = monitor(world);
  FakeStream.last.fail();
  world.timers.pass(LONG_MS);
  FakeStream.last.open();
  assert.equal(made.reconnectDelay, 4500);
  FakeStream.last.fail();
  world.timers.pass(4500);
  FakeStream.last.open();
  world.timers.pass(5_000);
  assert.equal(made.reconnectDelay, 3000);
});

test("changes reach their listeners, under both names of the method", () => {
  const { monitor: made, calls } = monitor(page());
  const changes = { new_attendances: [{ id: 1 }], updated_attendances: [{ id: 2 }, { id: 3 }] };
  FakeStream.last.receive("message", { timestamp: 1_700_000_000, changes });
  made.handleChange({ updated_attendances: [{ id: 4 }] });
  assert.deepEqual(JSON.parse(JSON.stringify(calls)), [
    ["onNewAttendance", { id: 1 }],
    ["onUpdateAttendance", { id: 2 }],
    ["onUpdateAttendance", { id: 3 }],
    ["onUpdateAttendance", { id: 4 }],
  ]);
  assert.equal(made.lastCheck, 1_700_000_000);
});

test("empty data is skipped and broken data is said, without losing the connection", () => {
  const world = page();
  const { calls } = monitor(world);
  FakeStream.last.receive("message", "");
  FakeStream.last.receive("message", "{");
  assert.deepEqual(calls, []);
  assert.equal(world.log.filter((line) => line.startsWith("[SSE] Parse error:")).length, 1);
  assert.equal(FakeStream.last.closed, false);
});

test("an error is told in the documented order", () => {
  const world = page();
  const { monitor: made, calls } = monitor(world);
  FakeStream.last.open();
  assert.equal(made.isConnectedToServer(), true);
  FakeStream.last.fail();
  assert.deepEqual(calls.map(([name]) => name), ["onConnected", "onDisconnected", "onError"]);
  assert.equal(made.isConnectedToServer(), false);
  assert.equal(FakeStream.last.closed, true);
});

test("close and the error that follows it lead to one reconnect", () => {
  const world = page();
  monitor(world);
  const first = FakeStream.last;
  first.receive("close", "reconnect");
  first.fail();
  assert.deepEqual(world.timers.waiting, [3000]);
  assert.ok(world.log.includes("[SSE] Server requested reconnect"));
});

test("a reconnect that is waiting is not begun twice", () => {
  const world = page();
  const { monitor: made } = monitor(world);
  FakeStream.last.fail();
  made.reconnect();
  assert.deepEqual(world.timers.waiting, [3000]);
  assert.equal(made.reconnectDelay, 4500);
});

test("stop takes back a reconnect that is waiting", () => {
  const world = page();
  const { monitor: made } = monitor(world);
  FakeStream.last.fail();
  made.stop();
  world.timers.pass(LONG_MS);
  assert.equal(FakeStream.made.length, 1);
  assert.deepEqual(world.timers.waiting, []);
});

test("a listener may stop it in the middle of an error", () => {
  const world = page();
  const { monitor: made } = monitor(world, { onDisconnected: () => made.stop() });
  FakeStream.last.fail();
  world.timers.pass(LONG_MS);
  assert.equal(FakeStream.made.length, 1);
});

test("it comes back with the id of the last event it heard", () => {
  const world = page();
  monitor(world);
  FakeStream.last.receive("connected", {}, "17-3");
  FakeStream.last.receive("message", { changes: {} }, "17-4");
  FakeStream.last.fail();
  world.timers.pass(LONG_MS);
  assert.equal(new URL(FakeStream.last.address).searchParams.get("last_event_id"), "17-4");
});

for (const status of [401, 419]) {
  test(`after two errors it asks by HTTP, and stops on ${status}`, async () => {
    const world = page({ status });
    const { calls } = monitor(world);
    FakeStream.last.fail();
    await settle();
    assert.deepEqual(world.probes, []);
    world.timers.pass(LONG_MS);
    FakeStream.last.fail();
    await settle();
    assert.deepEqual(world.probes, ["http://jaga.test/api/session"]);
    assert.equal(calls.at(-1)[0], "onSessionEnded");
    world.timers.pass(LONG_MS);
    assert.equal(FakeStream.made.length, 2);
  });
}

test("a session that lives lets it go on after any number of errors", async () => {
  const world = page({ status: 200 });
  monitor(world);
  for (let tries = 0; tries < 5; tries += 1) {
    FakeStream.last.fail();
    await settle();
    world.timers.pass(LONG_MS);
  }
  assert.equal(FakeStream.made.length, 6);
});

for (const event of ["force_logout", "session_expired"]) {
  test(`${event} ends it`, () => {
    const world = page();
    const { calls } = monitor(world);
    FakeStream.last.open();
    FakeStream.last.receive(event, { code: "replaced" });
    assert.equal(calls.at(-1)[0], "onSessionEnded");
    FakeStream.last.fail();
    world.timers.pass(LONG_MS);
    assert.equal(FakeStream.made.length, 1);
  });
}

test("the same browser logging in again is no end", () => {
  const world = page();
  const { calls } = monitor(world);
  FakeStream.last.receive("force_logout", { code: "replaced", same_browser: true });
  assert.deepEqual(calls, []);
  FakeStream.last.fail();
  world.timers.pass(LONG_MS);
  assert.equal(FakeStream.made.length, 2);
});

// On a member's page

test("a protected page is watched, and left two seconds after its place is taken", () => {
  const world = page({ classes: ["protected-page"] });
  FakeStream.last.open();
  assert.ok(world.log.includes("Realtime monitoring aktif"));
  const changes = { updated_attendances: [{ username: "budi", fp: "session-1" }] };
  FakeStream.last.receive("message", { timestamp: 1, changes });
  world.timers.pass(1_999);
  assert.equal(world.window.location.href, "http://jaga.test/kelas");
  world.timers.pass(1);
  assert.equal(world.window.location.href, "/logout");
});

test("news of this very fingerprint is no reason to leave", () => {
  const world = page({ classes: ["protected-page"] });
  FakeStream.last.receive("message", { changes: { updated_attendances: [{ fp: "abc" }] } });
  world.timers.pass(LONG_MS);
  assert.ok(world.log.includes("masih sama"));
  assert.equal(world.window.location.href, "http://jaga.test/kelas");
});

test("other pages, and pages with a guard of their own, are left alone", () => {
  page();
  page({ classes: ["protected-page"], guard: true });
  page({ classes: ["protected-page", "video-render"] });
  assert.equal(FakeStream.made.length, 0);
});

test("it ends when the page goes and begins again when the back button brings it back", () => {
  const world = page({ classes: ["protected-page"] });
  world.say("pagehide", {});
  assert.equal(FakeStream.last.closed, true);
  world.say("pageshow", { persisted: true });
  assert.equal(FakeStream.made.length, 2);
});

const frame = { src: "https://video.test/putar?id=1", contentWindow: {} };
const ready = { data: { type: "VIDEO_READY" }, source: frame.contentWindow, origin: "https://video.test" };

test("a page with a video waits until the video says that it is ready", () => {
  const world = page({ classes: ["protected-page"], frame });
  assert.ok(world.classes.includes("video-render"));
  assert.equal(FakeStream.made.length, 0);
  world.say("message", ready);
  assert.equal(FakeStream.made.length, 1);
  assert.ok(!world.classes.includes("video-render"));
  world.say("message", ready);
  world.timers.pass(15_000);
  assert.equal(FakeStream.made.length, 1);
});

test("nobody but the video can say that it is ready", () => {
  const world = page({ classes: ["protected-page"], frame });
  world.say("message", { ...ready, source: {} });
  world.say("message", { ...ready, origin: "https://evil.test" });
  world.say("message", { ...ready, data: null });
  world.say("message", { ...ready, data: { type: "OTHER" } });
  assert.equal(FakeStream.made.length, 0);
});

test("a video that never says so does not switch the monitoring off", () => {
  const world = page({ classes: ["protected-page"], frame });
  world.timers.pass(14_999);
  assert.equal(FakeStream.made.length, 0);
  world.timers.pass(1);
  assert.equal(FakeStream.made.length, 1);
});

test("a stream that beats no more is dead, and the session is asked for", async () => {
  const world = page();
  const { calls } = monitor(world);
  FakeStream.last.open();
  FakeStream.last.receive("connected", { beat_seconds: 20 });
  for (let beats = 0; beats < 4; beats += 1) {
    world.timers.pass(40_000);
    FakeStream.last.receive("beat", {});
  }
  assert.equal(FakeStream.made.length, 1);
  assert.deepEqual(calls.map(([name]) => name), ["onConnected"]);
  world.timers.pass(50_000);
  assert.equal(FakeStream.made[0].closed, true);
  assert.deepEqual(world.probes, ["http://jaga.test/api/session"]);
  world.timers.pass(3_000);
  assert.equal(FakeStream.made.length, 2);
  await settle();
});

test("a server that does not say how often it beats is believed", () => {
  const world = page();
  monitor(world);
  FakeStream.last.open();
  FakeStream.last.receive("connected", {});
  world.timers.pass(600_000);
  assert.equal(FakeStream.made.length, 1);
});

test("a wake replaces a line that is late, and leaves one that beats alone", (context) => {
  const world = page();
  const { monitor: made } = monitor(world);
  FakeStream.last.open();
  FakeStream.last.receive("connected", { beat_seconds: 20 });
  world.say("visibilitychange");
  assert.equal(FakeStream.made.length, 1);
  const real = Date.now;
  context.after(() => (Date.now = real));
  Date.now = () => real() + 26_000;
  world.say("online");
  assert.equal(FakeStream.made.length, 2);
  // one that waits comes back at once
  FakeStream.last.fail();
  world.say("resume");
  assert.equal(FakeStream.made.length, 3);
  made.stop();
  world.say("online");
  assert.equal(FakeStream.made.length, 3);
});

test("on another site's page it brings the cookies along", () => {
  for (const [baseUrl, withCredentials] of [
    ["http://jaga.test/", false],
    ["https://jaga.test", true],
    ["http://jaga.test:8000", true],
  ]) {
    monitor(page(), { baseUrl });
    assert.deepEqual({ ...FakeStream.last.options }, { withCredentials });
  }
});
