import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { FakeStorage, FakeStream, Timers, settle } from "./fakes.js";

/** What of an element the gate uses. */
class Part extends EventTarget {
  hidden = false;
  textContent = "";
}

class FakeElement extends Part {
  parts = { "[data-open]": [new Part()], "[data-locked]": [new Part()], "[data-note]": [new Part()] };
  form = new Part();
  isOpen = false;
  getAttribute = () => "buku";
  toggleAttribute = (_name, on) => (this.isOpen = on);
  querySelector = () => this.form;
  querySelectorAll = (selector) => this.parts[selector];
}

class Stream extends FakeStream {
  static CLOSED = 2;
  readyState = 1;

  /** The server refuses it; the browser will not come back by itself. */
  fail() {
    this.readyState = Stream.CLOSED;
    this.receive("error", "{}");
  }
}

let Gate;
Object.assign(globalThis, {
  HTMLElement: FakeElement,
  customElements: { define: (_name, element) => (Gate = element) },
  EventSource: Stream,
  FormData: class {
    constructor(form) {
      this.form = form;
    }
    get = () => this.form.key;
  },
});
const { Licence } = await import("../../web/static/js/embed/licence.js");

const KEY = "KEI-1234-89ABCDEF";
const PLACE = "jaga_licence_buku";
const ACTIVATED = { activated: true, error: null, instance: { id: "i1", name: "Chrome" } };

let timers;
/** Requests that were sent: `{act, body, answer(status, body), lose()}`. */
let asked;
let windowListeners;

beforeEach((context) => {
  FakeStream.made = [];
  asked = [];
  windowListeners = new EventTarget();
  timers = new Timers();
  timers.install(context);
  const before = { fetch: globalThis.fetch };
  Object.assign(globalThis, {
    localStorage: new FakeStorage(),
    addEventListener: (...listening) => windowListeners.addEventListener(...listening),
    fetch: (address, { body }) =>
      new Promise((resolve, reject) => {
        asked.push({
          act: address.replace("/api/license/", ""),
          body: JSON.parse(body),
          answer: (status, told) => (resolve(Response.json(told, { status })), settled()),
          lose: () => (reject(new TypeError("network")), settled()),
        });
      }),
  });
  context.after(() => Object.assign(globalThis, before));
});

/** Reading an answer takes more turns than promises that are ready. */
async function settled() {
  for (let turn = 0; turn < 5; turn += 1) {
    await settle();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function keep(key, instance) {
  localStorage.setItem(PLACE, JSON.stringify({ key, instance }));
}

const kept = () => JSON.parse(localStorage.getItem(PLACE));

/** A licence, and what it told. */
function licence() {
  const made = new Licence("buku");
  const told = [];
  for (const type of ["active", "revoked", "refused", "away"]) {
    made.addEventListener(type, (event) => told.push([type, event.detail.reason]));
  }
  return { licence: made, told, types: () => told.map(([type]) => type) };
}

/** One that is active here. */
async function active() {
  keep(KEY, "i1");
  const made = licence();
  made.licence.start();
  await asked.at(-1).answer(200, { valid: true });
  FakeStream.last.receive("connected", {});
  assert.deepEqual(made.types(), ["active"]);
  return made;
}

test("without a key nothing is asked and nothing said", async () => {
  const { licence: made, told } = licence();
  made.start();
  made.retryNow();
  await settled();
  assert.deepEqual([asked, told], [[], []]);
});

test("what is kept and is no licence is none", () => {
  for (const odd of ["{", "null", "5", '"x"', "{}", '{"key":1,"instance":"i"}', '{"key":"K"}']) {
    localStorage.setItem(PLACE, odd);
    assert.equal(new Licence("buku").kept, null, odd);
  }
});

test("an activated key is kept with its instance, and is active once it is listened for", async () => {
  const { licence: made, types } = licence();
  made.activate(`  ${KEY.toLowerCase()} `);
  assert.deepEqual(asked[0].body, { license_key: KEY, instance_id: "" });
  await asked[0].answer(200, ACTIVATED);
  assert.deepEqual(kept(), { key: KEY, instance: "i1" });
  assert.deepEqual(types(), []);
  const address = new URL(FakeStream.last.address, "http://jaga.test");
  assert.equal(address.pathname, "/api/realtime/licence-stream");
  assert.deepEqual(Object.fromEntries(address.searchParams), { license_key: KEY, instance_id: "i1" });
  FakeStream.last.receive("connected", {});
  assert.deepEqual(types(), ["active"]);
});

test("the same key again is the same device, however it is typed", async () => {
  keep(KEY, "i1");
  new Licence("buku").activate(KEY.toLowerCase());
  assert.equal(asked[0].body.instance_id, "i1");
  new Licence("buku").activate("KEI-0000-00000000");
  assert.equal(asked[1].body.instance_id, "");
});

test("a refusal says why, in whichever field the server says it", async () => {
  const { licence: made, told } = licence();
  for (const [status, body] of [
    [404, { activated: false, error: "Lisensi tidak ditemukan." }],
    [413, { success: false, message: "Terlalu besar." }],
    [429, { activated: false, error: "Tunggu." }],
    [500, null],
  ]) {
    made.activate(KEY);
    await asked.at(-1).answer(status, body);
  }
  assert.deepEqual(told, [
    ["refused", "Lisensi tidak ditemukan."],
    ["refused", "Terlalu besar."],
    ["refused", "Tunggu."],
    ["refused", ""],
  ]);
  assert.equal(FakeStream.made.length, 0);
  assert.equal(localStorage.getItem(PLACE), null);
});

test("a first activation that is not answered is not tried again by itself, and says so", async () => {
  const { licence: made, told } = licence();
  made.activate(KEY);
  await asked[0].lose();
  assert.deepEqual(told, [["away", "Server tidak terjangkau. Coba lagi sebentar."]]);
  assert.deepEqual(timers.waiting, []);
});

test("after a failed activation the licence that is kept goes on", async () => {
  const { licence: made } = await active();
  made.activate("KEI-0000-00000000");
  await asked.at(-1).answer(404, { error: "Tidak ada." });
  timers.next();
  assert.deepEqual([asked.at(-1).act, asked.at(-1).body.license_key], ["validate", KEY]);
});

test("two quick activations listen once", async () => {
  const { licence: made } = licence();
  made.activate(KEY);
  made.activate(KEY);
  await asked[1].answer(200, { ...ACTIVATED, instance: { id: "i2" } });
  await asked[0].answer(200, ACTIVATED);
  assert.equal(FakeStream.made.length, 1);
  assert.equal(kept().instance, "i2");
});

test("a page that is left while it activates opens no stream, and the device is known", async () => {
  const { licence: made, told } = licence();
  made.activate(KEY);
  made.stop();
  await asked[0].answer(200, ACTIVATED);
  assert.equal(FakeStream.made.length, 0);
  assert.deepEqual(told, []);
  assert.deepEqual(kept(), { key: KEY, instance: "i1" });
});

test("it is lost the moment another device takes it", async () => {
  const { told } = await active();
  FakeStream.last.receive("licence_revoked", { reason: "Diambil perangkat lain." });
  assert.deepEqual(told.at(-1), ["revoked", "Diambil perangkat lain."]);
  assert.equal(FakeStream.last.closed, true);
  assert.equal(localStorage.getItem(PLACE), null);
});

test("a licence that another tab took anew is none of the losses of this one", async () => {
  const { types } = await active();
  keep(KEY, "i2");
  FakeStream.last.receive("licence_revoked", { reason: "x" });
  assert.deepEqual(kept(), { key: KEY, instance: "i2" });
  assert.deepEqual([asked.at(-1).act, asked.at(-1).body.instance_id], ["validate", "i2"]);
  await asked.at(-1).answer(200, { valid: true });
  FakeStream.last.receive("connected", {});
  assert.deepEqual(types(), ["active", "active"]);
});

test("a tab that was away learns that another one has lost it", async () => {
  const { told } = await active();
  FakeStream.last.fail();
  localStorage.removeItem(PLACE);
  timers.next();
  assert.deepEqual(told.at(-1), ["revoked", "Lisensi ini tidak aktif lagi di perangkat ini."]);
  assert.deepEqual(timers.waiting, []);
});

test("what is held elsewhere by now is lost with the next look", async () => {
  keep(KEY, "i1");
  const { licence: made, told } = licence();
  made.start();
  await asked[0].answer(200, { valid: false, error: "Tidak aktif di sini." });
  assert.deepEqual(told, [["revoked", "Tidak aktif di sini."]]);
  assert.equal(localStorage.getItem(PLACE), null);
});

test("a server that is away, full or counting locks nobody out, and is asked ever less often", async () => {
  keep(KEY, "i1");
  const { licence: made, types } = licence();
  const random = Math.random;
  Math.random = () => 1;
  made.start();
  const waits = [];
  for (let tries = 0; tries < 9; tries += 1) {
    if (tries % 3 === 0) await asked.at(-1).lose();
    else await asked.at(-1).answer(tries % 3 === 1 ? 503 : 429, { error: "x" });
    waits.push(...timers.waiting);
    timers.next();
  }
  Math.random = random;
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1000));
  assert.deepEqual(new Set(types()), new Set(["away"]));
  assert.deepEqual(kept(), { key: KEY, instance: "i1" });
});

test("a connection forgets the failures before it", async () => {
  await active();
  for (let tries = 0; tries < 6; tries += 1) {
    FakeStream.last.fail();
    timers.next();
    await asked.at(-1).answer(200, { valid: true });
  }
  FakeStream.last.receive("connected", {});
  FakeStream.last.fail();
  assert.ok(timers.waiting[0] <= 1_000, String(timers.waiting));
});

test("a stream that the browser itself brings back is left alone", async () => {
  const { types } = await active();
  FakeStream.last.readyState = 0;
  FakeStream.last.receive("error", "{}");
  assert.deepEqual([types(), timers.waiting], [["active"], []]);
});

test("an old stream's error is nobody's", async () => {
  const { licence: made, types } = await active();
  const old = FakeStream.last;
  made.stop();
  old.fail();
  assert.deepEqual([types(), timers.waiting], [["active"], []]);
});

test("it is tried at once when the network is back, and only then", async () => {
  const { licence: made } = await active();
  const before = asked.length;
  made.retryNow();
  assert.equal(asked.length, before);
  FakeStream.last.fail();
  made.retryNow();
  assert.equal(asked.length, before + 1);
  assert.deepEqual(timers.waiting, []);
});

test("given back, it is closed here", async () => {
  const { licence: made, types } = await active();
  const giving = made.deactivate();
  assert.deepEqual(asked.at(-1).body, { license_key: KEY, instance_id: "i1" });
  await asked.at(-1).answer(200, { deactivated: true });
  assert.equal(await giving, true);
  assert.deepEqual(types(), ["active", "revoked"]);
  assert.equal(localStorage.getItem(PLACE), null);
});

test("what could not be given back stays: its instance is the only proof of the device", async () => {
  const { licence: made, types } = await active();
  const giving = made.deactivate();
  await asked.at(-1).lose();
  assert.equal(await giving, false);
  assert.deepEqual(kept(), { key: KEY, instance: "i1" });
  assert.deepEqual(types(), ["active", "away"]);
  timers.next();
  assert.equal(asked.at(-1).act, "validate");
});

test("a browser that keeps nothing works until the page is left", async () => {
  const refuse = () => {
    throw new DOMException("denied", "SecurityError");
  };
  globalThis.localStorage = { getItem: refuse, setItem: refuse, removeItem: refuse };
  const { licence: made, types } = licence();
  made.activate(KEY);
  await asked[0].answer(200, ACTIVATED);
  FakeStream.last.receive("connected", {});
  FakeStream.last.fail();
  timers.next();
  assert.deepEqual(asked[1].body, { license_key: KEY, instance_id: "i1" });
  await asked[1].answer(200, { valid: true });
  FakeStream.last.receive("connected", {});
  FakeStream.last.receive("licence_revoked", { reason: "x" });
  assert.deepEqual(types(), ["active", "away", "active", "revoked"]);
  assert.equal(made.kept, null);
});

/** A gate on a page, and the events it let out. */
function gate() {
  const made = new Gate();
  const events = [];
  for (const type of ["licence-open", "licence-closed"]) {
    made.addEventListener(type, () => events.push(type));
  }
  const [[open], [locked], [note]] = Object.values(made.parts);
  made.connectedCallback();
  return { gate: made, events, open, locked, note };
}

async function submit(made, key) {
  made.form.key = key;
  made.form.dispatchEvent(new Event("submit", { cancelable: true }));
  await settled();
}

test("a gate opens for a key, says no to another, and closes with the licence", async () => {
  const { gate: made, events, open, locked, note } = gate();
  await submit(made, "salah");
  await asked[0].answer(404, { error: "Lisensi tidak ditemukan." });
  assert.deepEqual([open.hidden, locked.hidden], [true, false]);
  assert.deepEqual([note.textContent, note.hidden], ["Lisensi tidak ditemukan.", false]);
  await submit(made, KEY);
  await asked[1].answer(200, ACTIVATED);
  FakeStream.last.receive("connected", {});
  assert.deepEqual([open.hidden, locked.hidden, note.hidden], [false, true, true]);
  FakeStream.last.receive("licence_revoked", { reason: "Diambil." });
  assert.deepEqual([open.hidden, locked.hidden, note.textContent], [true, false, "Diambil."]);
  assert.deepEqual(events, ["licence-closed", "licence-open", "licence-closed"]);
});

test("a connection that comes back opens nothing a second time", async () => {
  keep(KEY, "i1");
  const { events } = gate();
  await asked[0].answer(200, { valid: true });
  for (let times = 0; times < 3; times += 1) FakeStream.last.receive("connected", {});
  assert.deepEqual(events, ["licence-open"]);
});

test("a gate that was moved asks once for each submit, and one that is gone not at all", async () => {
  const { gate: made } = gate();
  made.disconnectedCallback();
  made.connectedCallback();
  await submit(made, KEY);
  assert.equal(asked.length, 1);
  await asked[0].answer(200, ACTIVATED);
  made.disconnectedCallback();
  assert.equal(FakeStream.last.closed, true);
  await submit(made, KEY);
  windowListeners.dispatchEvent(new Event("online"));
  assert.equal(asked.length, 1);
});

test("a page that comes out of the cache looks again, and one that loses its network is told", async () => {
  keep(KEY, "i1");
  const { note } = gate();
  await asked[0].answer(200, { valid: true });
  FakeStream.last.receive("connected", {});
  windowListeners.dispatchEvent(new Event("pagehide"));
  assert.equal(FakeStream.last.closed, true);
  windowListeners.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
  assert.equal(asked.length, 2);
  await asked[1].lose();
  assert.equal(note.textContent, "Server tidak terjangkau, mencoba lagi…");
  windowListeners.dispatchEvent(new Event("online"));
  assert.equal(asked.length, 3);
});
