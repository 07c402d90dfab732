import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { SessionLink } from "../../web/static/js/session/session_link.js";
import { FakeSocket, FakeStream, Timers } from "./fakes.js";

/** No wait between two tries is longer. */
const LONGEST_WAIT_MS = 30_000;

let timers;

beforeEach((context) => {
  FakeSocket.made = [];
  FakeStream.made = [];
  timers = new Timers();
  timers.install(context);
  const before = { WebSocket: globalThis.WebSocket, EventSource: globalThis.EventSource };
  Object.assign(globalThis, {
    WebSocket: FakeSocket,
    EventSource: FakeStream,
    location: new URL("http://jaga.test/dashboard"),
  });
  context.after(() => {
    Object.assign(globalThis, before);
    delete globalThis.location;
  });
});

/** A link, and what it told the guard. */
function link() {
  const told = { frames: [], states: [], doubts: 0 };
  const made = new SessionLink({
    deviceId: "d/1",
    tabId: "tab_1_abcdefg",
    heartbeatSeconds: 20,
    onFrame: (frame) => told.frames.push(frame),
    onState: (state, transport) => told.states.push(`${state} ${transport}`),
    onDoubt: () => (told.doubts += 1),
  });
  made.open();
  return { link: made, told };
}

function connect() {
  FakeSocket.last.open();
  FakeSocket.last.receive({ event: "connected" });
}

test("it opens the device's socket and is live when the server says so", () => {
  const { told } = link();
  assert.equal(FakeSocket.last.address, "ws://jaga.test/api/devices/ws/d%2F1?tab_id=tab_1_abcdefg");
  FakeSocket.last.open();
  assert.deepEqual(told.states, ["connecting socket"]);
  FakeSocket.last.receive({ event: "connected" });
  assert.deepEqual(told.states, ["connecting socket", "live socket"]);
});

test("a ping is answered", () => {
  link();
  connect();
  FakeSocket.last.receive({ event: "ping" });
  assert.deepEqual(FakeSocket.last.sent, [{ event: "pong" }]);
});

test("a forced logout is acknowledged before the page hears of it", () => {
  const order = [];
  const { told } = link();
  connect();
  FakeSocket.last.send = (text) => order.push(text);
  told.frames.push = (frame) => order.push(frame.event);
  FakeSocket.last.receive({ event: "force_logout", kick_id: "k1" });
  assert.deepEqual(order, ['{"event":"ack","kick_id":"k1"}', "force_logout"]);
});

test("what is no frame is let pass", () => {
  const { told } = link();
  connect();
  for (const text of ["", "null", "[]", "{", '"x"', "{}", '{"event":5}']) {
    FakeSocket.last.receive(text);
  }
  assert.equal(told.frames.length, 1);
});

test("it comes back after a close that allows it, and forgets failures once stable", () => {
  const { told } = link();
  connect();
  FakeSocket.last.end(4001);
  assert.equal(told.states.at(-1), "reconnecting socket");
  timers.pass(1_000);
  assert.equal(FakeSocket.made.length, 2);
  connect();
  timers.pass(5_000);
  FakeSocket.last.end(1006);
  timers.pass(1_000);
  assert.equal(FakeSocket.made.length, 3);
});

test("a server that accepts and drops is asked less and less often", () => {
  link();
  for (let tries = 0; tries < 12; tries += 1) {
    connect();
    FakeSocket.last.end(1006);
    timers.next();
  }
  connect();
  const random = Math.random;
  Math.random = () => 1;
  FakeSocket.last.end(1006);
  Math.random = random;
  assert.deepEqual(timers.waiting, [LONGEST_WAIT_MS]);
});

test("it does not come back after a close that forbids it, until opened again", () => {
  const { link: stopped, told } = link();
  connect();
  FakeSocket.last.end(4501);
  assert.equal(told.states.at(-1), "stopped socket");
  assert.equal(told.doubts, 1);
  timers.pass(10 * LONGEST_WAIT_MS);
  stopped.retryNow();
  assert.equal(FakeSocket.made.length, 1);
  stopped.open();
  assert.equal(FakeSocket.made.length, 2);
});

test("two sockets that never open lead to the stream", () => {
  const { told } = link();
  FakeSocket.last.end();
  timers.next();
  FakeSocket.last.end();
  timers.next();
  assert.equal(FakeSocket.made.length, 2);
  const address = "http://jaga.test/api/realtime/attendance-stream?tab_id=tab_1_abcdefg";
  assert.equal(FakeStream.last.address, address);
  FakeStream.last.open();
  FakeStream.last.receive("connected", { server_now: 1 });
  assert.equal(told.states.at(-1), "live stream");
  FakeStream.last.receive("force_logout", { kick_id: "k1", code: "replaced" });
  assert.deepEqual(told.frames.at(-1), { event: "force_logout", kick_id: "k1", code: "replaced" });
});

test("a socket that hangs while opening counts as refused", () => {
  link();
  timers.pass(15_000);
  assert.equal(FakeSocket.made[0].closed, true);
  timers.next();
  timers.pass(15_000);
  timers.next();
  assert.equal(FakeSocket.made.length, 2);
  assert.equal(FakeStream.made.length, 1);
});

test("one socket that opened clears the name of the one before it", () => {
  link();
  FakeSocket.last.end();
  timers.next();
  connect();
  FakeSocket.last.end();
  timers.next();
  FakeSocket.last.end();
  timers.next();
  assert.equal(FakeStream.made.length, 0);
  assert.equal(FakeSocket.made.length, 4);
});

test("without WebSocket it begins with the stream", () => {
  globalThis.WebSocket = undefined;
  link();
  assert.equal(FakeStream.made.length, 1);
});

test("a returning stream says where it was, and asks by HTTP whether it is still known", () => {
  globalThis.WebSocket = undefined;
  const { told } = link();
  FakeStream.last.open();
  FakeStream.last.receive("connected", {}, "17-4");
  FakeStream.last.fail();
  assert.equal(told.doubts, 1);
  assert.equal(FakeStream.made[0].closed, true);
  timers.pass(LONGEST_WAIT_MS);
  assert.equal(new URL(FakeStream.last.address).searchParams.get("last_event_id"), "17-4");
});

test("the stream brings the hotspot's news as a frame of that name", () => {
  globalThis.WebSocket = undefined;
  const { told } = link();
  FakeStream.last.open();
  FakeStream.last.receive("hotspot", {}, "17-0");
  assert.deepEqual(told.frames, [{ event: "hotspot" }]);
});

test("neither way open: it goes on trying both", () => {
  link();
  for (let tries = 0; tries < 9; tries += 1) {
    if (FakeStream.last && !FakeStream.last.closed) FakeStream.last.fail();
    else FakeSocket.last.end();
    timers.next();
  }
  assert.deepEqual([FakeSocket.made.length, FakeStream.made.length], [7, 3]);
});

test("a socket that opens and lets nothing through counts as refused", () => {
  const { told } = link();
  for (let tries = 0; tries < 2; tries += 1) {
    FakeSocket.last.open();
    timers.pass(15_000);
    timers.next();
  }
  assert.deepEqual([FakeSocket.made.length, FakeStream.made.length], [2, 1]);
  assert.equal(told.doubts, 2);
});

test("two sockets that never beat lead to the stream, and each is a doubt", () => {
  const { told } = link();
  for (let tries = 0; tries < 2; tries += 1) {
    connect();
    timers.pass(50_000);
    timers.pass(1_500);
  }
  assert.deepEqual([FakeSocket.made.length, FakeStream.made.length], [2, 1]);
  assert.equal(told.doubts, 2);
});

test("a silent stream is a dead one, one that beats is not", () => {
  globalThis.WebSocket = undefined;
  const { told } = link();
  FakeStream.last.open();
  FakeStream.last.receive("connected", {});
  for (let beats = 0; beats < 4; beats += 1) {
    timers.pass(40_000);
    FakeStream.last.receive("beat", {});
  }
  assert.equal(FakeStream.made.length, 1);
  timers.pass(50_000 + 1_500);
  assert.equal(FakeStream.made[0].closed, true);
  assert.equal(FakeStream.made.length, 2);
  assert.equal(told.doubts, 1);
});

test("a stream that opens and says nothing gives way to the socket", () => {
  const { told } = link();
  FakeSocket.last.end();
  timers.next();
  FakeSocket.last.end();
  timers.next();
  FakeStream.last.open();
  timers.pass(15_000);
  timers.next();
  assert.equal(FakeStream.made.length, 1);
  assert.equal(FakeSocket.made.length, 3);
  assert.equal(told.doubts, 3);
});

test("after a wake a socket has to answer, and a late stream is replaced at once", (context) => {
  const { link: woken, told } = link();
  connect();
  woken.retryNow();
  assert.deepEqual(FakeSocket.last.sent, [{ event: "ping" }]);
  FakeSocket.last.receive({ event: "pong" });
  timers.pass(10_000);
  assert.equal(FakeSocket.made.length, 1);
  woken.retryNow();
  timers.pass(3_000 + 1_500);
  assert.equal(FakeSocket.made.length, 2);
  assert.equal(told.doubts, 1);
  globalThis.WebSocket = undefined;
  const { link: stream } = link();
  FakeStream.last.receive("connected", {});
  stream.retryNow();
  assert.equal(FakeStream.made.length, 1);
  const real = Date.now;
  context.after(() => (Date.now = real));
  Date.now = () => real() + 26_000;
  stream.retryNow();
  assert.equal(FakeStream.made.length, 2);
});

test("a silent socket is a dead one", () => {
  link();
  connect();
  timers.pass(40_000);
  FakeSocket.last.receive({ event: "ping" });
  timers.pass(49_000);
  assert.equal(FakeSocket.made.length, 1);
  timers.pass(1_000 + 1_000);
  assert.equal(FakeSocket.made[0].closed, true);
  assert.equal(FakeSocket.made.length, 2);
});

test("it comes back at once when told that the network is there", () => {
  const { link: waiting } = link();
  connect();
  FakeSocket.last.end(1006);
  waiting.retryNow();
  assert.equal(FakeSocket.made.length, 2);
  timers.pass(LONGEST_WAIT_MS / 2);
  assert.equal(FakeSocket.made.length, 2);
});

test("a live connection is left alone by a wake", () => {
  const { link: live } = link();
  connect();
  live.retryNow();
  live.trySocketAgain();
  assert.equal(FakeSocket.made.length, 1);
  assert.equal(FakeSocket.last.closed, false);
});

test("closed, it says nothing more and comes back no more", () => {
  const { link: closed, told } = link();
  connect();
  const said = told.states.length;
  closed.close();
  assert.equal(FakeSocket.last.closed, true);
  assert.equal(FakeSocket.last.onclose, null);
  timers.pass(10 * LONGEST_WAIT_MS);
  assert.equal(FakeSocket.made.length, 1);
  assert.equal(told.states.length, said);
});
