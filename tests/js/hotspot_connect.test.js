import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "./fakes.js";
import { Page, run, stopClocks } from "./page.js";

const BIND = "POST /api/hotspot/bind";
const MINE = "GET /api/hotspot";
const TOLD = { mac: "aa-bb-cc-00-00-01", ip: "10.5.50.7" };
const DEVICES = [
  { id: "d1", mac: "AA:BB:CC:00:00:02", name: "Laptop", seen_at: 200 },
  { id: "d2", mac: "AA:BB:CC:00:00:03", name: "", seen_at: 100 },
];

function hotspot(more) {
  const bytes = { unlimited: false, purchased_bytes: 2 ** 31, remaining_bytes: 2 ** 30 };
  const states = { state: "bound", status: "aktif", page: "/hotspot", pending: false, agreed_on: [] };
  return { ...states, ...bytes, message: "", devices: [], device_limit: 2, ...more };
}

/** `<hotspot-connect>` on the portal, in a mini-browser that keeps no cookies. */
async function connecting(context, answers) {
  stopClocks(context);
  const page = new Page("/hotspot/login");
  page.answers = { [MINE]: { http: 401, json: {} }, ...answers };
  await run("hotspot/hotspot_connect.js");
  page.show("hotspot_connect.html");
  return { page, connect: page.one("hotspot-connect") };
}

async function later() {
  for (let turn = 0; turn < 6; turn += 1) await settle();
}

const shown = (page) => page.one("hotspot-connect").querySelectorAll("[data-view]").filter((one) => !one.hidden).map((one) => one.dataset.view);
const login = (more) => ({ access_token: "jat_1", approved: true, hotspot: hotspot(more) });

test("a device that is through is told what is left, with nothing kept in the browser", async (context) => {
  const { page, connect } = await connecting(context, {});
  await connect.begin(login({}), TOLD);
  assert.deepEqual(shown(page), ["done"]);
  assert.equal(page.text("[data-done-title]"), "Anda tersambung");
  assert.match(page.text("[data-done-text]"), /Sisa kuota Anda 1 GB/);
  assert.equal(page.one("[data-mine]").hidden, true);
});

test("an owner without quota is in, and reads why the device is not", async (context) => {
  const { page, connect } = await connecting(context, {});
  await connect.begin(login({ state: "none", status: "habis", page: "/kuota-habis" }), TOLD);
  assert.equal(page.text("[data-done-title]"), "Kuota sudah habis");
  assert.equal(page.one("[data-why]").href, "/kuota-habis");
});

test("who keeps cookies goes on to the own page", async (context) => {
  const { page, connect } = await connecting(context, { [MINE]: { json: {} } });
  await connect.begin(login({}), TOLD);
  assert.deepEqual(page.went, ["/hotspot"]);
});

test("too many devices: the owner says which goes, the one unseen longest first", async (context) => {
  const { page, connect } = await connecting(context, { [BIND]: { json: { hotspot: hotspot({}) } } });
  await connect.begin(login({ state: "full", devices: DEVICES }), TOLD);
  assert.deepEqual(shown(page), ["full"]);
  const choices = page.one("[data-devices]").querySelectorAll("input");
  assert.deepEqual(choices.map(({ value, type }) => [value || "", type]).length, 2);
  assert.match(page.one("[data-devices]").children[0].textContent, /Perangkat…00:03/);
  page.one('[data-act="replace"]').click();
  await later();
  assert.match(page.text(".form-message"), /Pilih dulu perangkat/);
  choices[1].checked = true;
  choices[1].value = "d1";
  page.one('[data-act="replace"]').click();
  await later();
  assert.deepEqual(page.bodiesOf(BIND), [{ ...TOLD, replace: "d1" }]);
  assert.deepEqual(shown(page), ["done"]);
});

test("a slow router is looked after, and asked again only after long", async (context) => {
  const { page, connect } = await connecting(context, {});
  page.answers[MINE] = { json: { hotspot: hotspot({ state: "pending", waiting: true }) } };
  page.answers[BIND] = { json: { hotspot: hotspot({ state: "pending" }) } };
  await connect.begin(login({ state: "pending" }), TOLD);
  assert.deepEqual(shown(page), ["waiting"]);
  for (let look = 0; look < 4; look += 1) {
    context.mock.timers.tick(3_000);
    await later();
  }
  assert.equal(page.bodiesOf(MINE).length, 4);
  assert.equal(page.bodiesOf(BIND).length, 0);
  context.mock.timers.tick(3_000);
  await later();
  assert.equal(page.bodiesOf(BIND).length, 1);
  const device = { id: "d9", mac: "AA:BB:CC:00:00:01", name: "", seen_at: 300 };
  page.answers[MINE] = { json: { hotspot: hotspot({ state: "none", devices: [device] }) } };
  context.mock.timers.tick(3_000);
  await later();
  assert.deepEqual(page.went, ["/hotspot"]);
});

test("the router wants to see the device: it is sent there, after the choice", async (context) => {
  const { page, connect } = await connecting(context, {});
  await connect.begin(login({ state: "prove", login_url: "http://10.5.50.1/login?x=1" }), TOLD);
  assert.deepEqual(page.went, ["http://10.5.50.1/login?x=1"]);
});

test("a session that is over says so, and leads to the beginning", async (context) => {
  const { page, connect } = await connecting(context, { [BIND]: { http: 419, json: {} } });
  await connect.resume(TOLD);
  assert.deepEqual(shown(page), ["over"]);
  page.one('[data-act="begin-again"]').click();
  assert.deepEqual(page.went, ["reload"]);
});

test("a refusal with a wait is said with its wait; without an answer, the line is to blame", async (context) => {
  const { page, connect } = await connecting(context, {});
  await connect.begin(login({ state: "unknown", message: "Router belum melihat perangkat ini." }), TOLD);
  assert.equal(page.text("[data-advice]"), "Router belum melihat perangkat ini.");
  page.answers[BIND] = { http: 429, headers: { "Retry-After": "120" }, json: { type: "RATE_LIMIT" } };
  page.one('[data-view="trouble"] [data-act]').click();
  await later();
  assert.equal(page.text(".form-message"), "Terlalu banyak percobaan. Coba lagi dalam 2 menit.");
  delete page.answers[BIND];
  page.one('[data-view="trouble"] [data-act]').click();
  await later();
  assert.match(page.text(".form-message"), /Periksa sambungan Anda/);
});
