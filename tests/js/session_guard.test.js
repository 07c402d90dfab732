import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeSocket, settle } from "./fakes.js";
import { Page, run, stopClocks } from "./page.js";

const SESSION = "GET /api/session";
const ATTRIBUTES = 'device-id="d1" session-id="s1" user="budi" ping-seconds="600" heartbeat-seconds="20"';
const STANDING = { member: { username: "budi" }, session: { sid: "s1", device_id: "d1" } };

/** A page with a guard on it, whose socket is live. */
async function guarded(context) {
  stopClocks(context);
  const page = new Page("/dashboard");
  await run("session/session_guard.js");
  const guard = page.add(`<session-guard ${ATTRIBUTES}></session-guard>`);
  await later();
  FakeSocket.last?.open();
  FakeSocket.last?.receive({ event: "connected" });
  return { page, guard };
}

async function later() {
  for (let turn = 0; turn < 4; turn += 1) await settle();
}

test("a logout leaves at once, with its reason, and is acknowledged", async (context) => {
  const { page, guard } = await guarded(context);
  assert.equal(guard.getAttribute("state"), "live");
  FakeSocket.last.receive({ event: "force_logout", code: "replaced", reason: "Session digantikan", kick_id: "k1" });
  await later();
  assert.deepEqual(page.went, ["/login?reason=replaced&kick=k1"]);
  assert.deepEqual(FakeSocket.last.sent.at(-1), { event: "ack", kick_id: "k1" });
  assert.equal(sessionStorage.getItem("tab_id"), null);
});

test("a tab that follows leaves with the one that leads, and opens no line of its own", async (context) => {
  const { page, guard } = await guarded(context);
  page.add(`<session-guard ${ATTRIBUTES}></session-guard>`);
  await later();
  // a copied tab waits for the id that it was copied with, then takes one of its own
  context.mock.timers.tick(3_000);
  await later();
  assert.equal(FakeSocket.made.length, 1);
  let ended = 0;
  document.addEventListener("session-ended", () => (ended += 1));
  FakeSocket.last.receive({ event: "session_expired", reason: "idle" });
  await later();
  assert.equal(ended, 2);
  assert.deepEqual(page.went, ["/login?reason=idle", "/login?reason=idle"]);
  assert.ok(guard.isConnected);
});

test("a tab of a newer session is not meant by the end of the older", async (context) => {
  const { page } = await guarded(context);
  const other = new BroadcastChannel("jaga:session:d1:budi");
  other.postMessage({ kind: "leave", reason: "replaced", kick: "", sid: "s0" });
  assert.deepEqual(page.went, []);
  other.postMessage({ kind: "leave", reason: "replaced", kick: "", sid: "s1" });
  assert.deepEqual(page.went, ["/login?reason=replaced"]);
});

test("the same browser logged in again: the page waits for its cookie, stays and reconnects", async (context) => {
  const { page } = await guarded(context);
  page.answers[SESSION] = () => ({ json: STANDING });
  FakeSocket.last.receive({ event: "force_logout", code: "replaced", same_browser: true });
  await later();
  page.answers[SESSION] = () => ({ json: { ...STANDING, session: { sid: "s2", device_id: "d1" } } });
  context.mock.timers.tick(700);
  await later();
  assert.deepEqual(page.went, []);
  assert.equal(FakeSocket.made.length, 2);
});

test("… also when another tab has met the new session first", async (context) => {
  const { page } = await guarded(context);
  page.answers[SESSION] = () => ({ json: { ...STANDING, session: { sid: "s2", device_id: "d1" } } });
  FakeSocket.last.receive({ event: "force_logout", code: "replaced", same_browser: true });
  await later();
  new BroadcastChannel("jaga:session:d1:budi").postMessage({ kind: "renewed", was: "s1", sid: "s2" });
  context.mock.timers.tick(700);
  await later();
  assert.deepEqual(page.went, []);
  assert.equal(FakeSocket.made.length, 2);
});

test("the same browser, but no session follows: the page leaves in the end", async (context) => {
  const { page } = await guarded(context);
  page.answers[SESSION] = () => ({ json: STANDING });
  FakeSocket.last.receive({ event: "force_logout", code: "replaced", same_browser: true });
  for (let tries = 0; tries < 10; tries += 1) {
    await later();
    context.mock.timers.tick(700);
  }
  await later();
  assert.deepEqual(page.went, ["/login?reason=replaced"]);
});

test("a doubt is settled by asking once, and a dead session leaves", async (context) => {
  const { page } = await guarded(context);
  page.answers[SESSION] = () => ({ http: 401, json: { type: "SESSION_REPLACED" } });
  dispatchEvent(new Event("online"));
  document.dispatchEvent(new Event("visibilitychange"));
  context.mock.timers.tick(2_000);
  await later();
  assert.equal(page.asked.length, 1);
  assert.deepEqual(page.went, ["/login?reason=replaced"]);
});

test("a page made for another member, or role, is looked at anew", async (context) => {
  const { page } = await guarded(context);
  page.answers[SESSION] = () => ({ json: { ...STANDING, member: { username: "siti" } } });
  dispatchEvent(new Event("online"));
  context.mock.timers.tick(2_000);
  await later();
  assert.deepEqual(page.went, ["reload"]);
  FakeSocket.last.receive({ event: "role_changed" });
  assert.deepEqual(page.went, ["reload", "reload"]);
});

test("its own logout form is not cut off", async (context) => {
  const { page } = await guarded(context);
  const form = page.add('<form action="http://jaga.test/logout"></form>');
  dispatchEvent(Object.defineProperty(new Event("submit"), "target", { value: form }));
  FakeSocket.last.receive({ event: "force_logout", code: "replaced" });
  await later();
  assert.deepEqual(page.went, []);
});

test("the end is announced in every tab, and a hand may stay", async (context) => {
  const { page } = await guarded(context);
  page.answers["POST /api/update-activity"] = () => ({ json: { success: true } });
  FakeSocket.last.receive({ event: "session_expiring", reason: "idle", in: 300 });
  assert.match(page.text(".expiry-banner"), /berakhir dalam 5:00 karena lama tidak ada aktivitas/);
  page.one(".expiry-banner button").click();
  await later();
  assert.match(page.text(".expiry-banner"), /tetap masuk/);
  context.mock.timers.tick(4_000);
  assert.equal(page.one(".expiry-banner"), null);
});

test("somebody else's login may be refused here", async (context) => {
  const { page } = await guarded(context);
  page.answers["POST /api/devices/attempts/a1"] = () => ({ json: { success: true, message: "Ditolak." } });
  FakeSocket.last.receive({ event: "login_attempt", attempt_id: "a1", device_name: "Firefox", ip: "203.0.113.9", in: 20 });
  assert.match(page.text(".attempt"), /Login dari Firefox.*203\.0\.113\.9/s);
  page.one(".attempt .danger").click();
  await later();
  assert.deepEqual(page.bodiesOf("POST /api/devices/attempts/a1"), [{ allow: false }]);
});

test("a tab that follows shows the leader's line, and leaves it the lead while it lives", async (context) => {
  const { page } = await guarded(context);
  const follower = page.add(`<session-guard ${ATTRIBUTES}></session-guard>`);
  await later();
  context.mock.timers.tick(3_000);
  await later();
  assert.equal(follower.getAttribute("state"), "live");
  for (let beats = 0; beats < 5; beats += 1) {
    FakeSocket.last.receive({ event: "ping" });
    context.mock.timers.tick(15_000);
    await later();
  }
  assert.equal(FakeSocket.made.length, 1);
  FakeSocket.last.end();
  assert.equal(follower.getAttribute("state"), "reconnecting");
});

test("doubts in a row are one question, and the next waits its turn", async (context) => {
  const { page } = await guarded(context);
  page.answers[SESSION] = () => ({ json: STANDING });
  dispatchEvent(new Event("online"));
  context.mock.timers.tick(0);
  await later();
  assert.equal(page.asked.length, 1);
  for (let doubts = 0; doubts < 3; doubts += 1) document.dispatchEvent(new Event("visibilitychange"));
  context.mock.timers.tick(1_900);
  await later();
  assert.equal(page.asked.length, 1);
  context.mock.timers.tick(100);
  await later();
  assert.equal(page.asked.length, 2);
});

test("a script that comes after the line has opened hears how it is, and then each change", async (context) => {
  const { guard } = await guarded(context);
  const { onSession } = await import("../../web/static/js/session/session_events.js");
  const heard = [];
  onSession("state", ({ state, transport }) => heard.push([state, transport]));
  onSession("tabs", ({ tabs }) => heard.push(tabs.length));
  onSession("qr_login", () => heard.push("qr"));
  assert.deepEqual(heard, [["live", "socket"], 1]);
  FakeSocket.last.receive({ event: "qr_login", status: "redeemed" });
  assert.deepEqual(heard, [["live", "socket"], 1, "qr"]);
  guard.remove();
});

test("a script that comes before the guard's own hears it from the beginning", async (context) => {
  stopClocks(context);
  const page = new Page("/dashboard");
  page.add("<session-guard></session-guard>").said = undefined;
  const { onSession } = await import("../../web/static/js/session/session_events.js");
  const heard = [];
  const ended = new AbortController();
  onSession("state", ({ state }) => heard.push(state), ended.signal);
  assert.deepEqual(heard, []);
  document.dispatchEvent(new CustomEvent("session-state", { detail: { state: "live" } }));
  ended.abort();
  document.dispatchEvent(new CustomEvent("session-state", { detail: { state: "stopped" } }));
  assert.deepEqual(heard, ["live"]);
});
