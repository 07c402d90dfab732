import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "./fakes.js";
import { Page, run, stopClocks } from "./page.js";

const CHECK = "POST /cekfingerprint";
const OPEN = "POST /auth/authenticate";
/** A login page with a name and a password typed, and the button pressed. */
async function pressed(context, answers, page = new Page("/login").show("login.html")) {
  stopClocks(context);
  page.answers = answers;
  await run("session/login.js");
  page.one("#username").enter("budi@jaga.test");
  page.one("#password").enter("rahasia sekali");
  page.one("#formLogin").submit();
  await settle();
  await settle();
  return page;
}

test("a member logs in: the ticket of the check opens the session", async (context) => {
  const page = await pressed(context, {
    [CHECK]: () => ({ json: { status: "sama", valid: true, login: "/auth/authenticate", ticket: "t1" } }),
    [OPEN]: () => ({ json: { status: "successful", redirect: "/dashboard" } }),
  });
  assert.deepEqual(page.bodiesOf(CHECK), [{ username: "budi@jaga.test", pass: "rahasia sekali", action: "" }]);
  assert.equal(page.bodiesOf(OPEN)[0].ticket, "t1");
  assert.deepEqual(page.went, ["/dashboard"]);
  assert.equal(page.one("#login_button").getAttribute("aria-busy"), "true");
});

test("nothing is asked before both fields have something in them", async (context) => {
  const page = new Page("/login").show("login.html");
  await run("session/login.js");
  page.one("#username").enter("budi");
  page.one("#formLogin").submit();
  await settle();
  assert.deepEqual(page.asked, []);
  assert.match(page.text("#login_message"), /Isi username dan password/);
  assert.equal(document.activeElement, page.one("#password"));
});

test("the place is taken only when the member says so", async (context) => {
  const page = await pressed(context, {
    [CHECK]: ({ action }) => ({ json: action === "keep" ? { status: "sama", ticket: "t2" } : { status: "beda", valid: false } }),
    [OPEN]: () => ({ json: { status: "successful", redirect: "/dashboard" } }),
  });
  assert.equal(page.one("#alert-modal").hidden, false);
  assert.deepEqual(page.bodiesOf(OPEN), []);
  page.one('#alert-modal [data-answer="keep"]').click();
  await settle();
  await settle();
  assert.equal(page.bodiesOf(CHECK)[1].action, "keep");
  assert.equal(page.bodiesOf(OPEN)[0].ticket, "t2");
});

test("who stays on the other device leaves no password behind", async (context) => {
  const page = await pressed(context, { [CHECK]: () => ({ json: { status: "beda", valid: false } }) });
  page.one("#alert-modal [data-safe]").click();
  await settle();
  assert.equal(page.one("#password").value, "");
  assert.match(page.text("#login_message"), /tetap aktif di perangkat lain/);
});

test("a wrong password is said, and too many are counted down", async (context) => {
  const page = await pressed(context, {
    [CHECK]: () => ({ http: 401, json: { status: "invalid", message: "Username atau Password salah." } }),
  });
  assert.equal(page.text("#login_message"), "Username atau Password salah.");
  page.answers[CHECK] = () => ({ http: 429, headers: { "Retry-After": "3" }, json: {} });
  page.one("#formLogin").submit();
  await settle();
  await settle();
  assert.match(page.text("#login_message"), /Coba lagi dalam 0:03/);
  assert.equal(page.one("#login_button").disabled, true);
  for (let second = 0; second < 3; second += 1) context.mock.timers.tick(1_000);
  assert.equal(page.one("#login_button").disabled, false);
});

test("a busy server is asked again without a hand, until somebody types", async (context) => {
  const page = await pressed(context, { [CHECK]: () => ({ http: 503, headers: { "Retry-After": "2" }, json: {} }) });
  assert.match(page.text("#login_message"), /otomatis dalam 2 detik/);
  context.mock.timers.tick(2_000);
  await settle();
  await settle();
  assert.equal(page.bodiesOf(CHECK).length, 2);
  page.one("#password").enter("lain");
  context.mock.timers.tick(60_000);
  await settle();
  assert.equal(page.bodiesOf(CHECK).length, 2);
});

/** The page at a link with credentials, where this member was before or never was. */
async function linked(context, known) {
  stopClocks(context);
  const page = new Page("/login#username=budi&password=pw123456").show("login.html");
  page.one("#formLogin").dataset.credentials = "fragment";
  page.answers = {
    [CHECK]: { json: { status: "sama", known, ticket: "t" } },
    [OPEN]: { json: { status: "successful", redirect: "/dashboard" } },
  };
  await run("session/login.js");
  await settle();
  await settle();
  return page;
}

test("a link asks whose account it puts here, where that member never was", async (context) => {
  const page = await linked(context, false);
  assert.equal(page.text("#by-link-title"), "Masuk sebagai budi?");
  assert.deepEqual(page.bodiesOf(OPEN), []);
  assert.equal(page.bodiesOf(CHECK)[0].link, true);
  page.one("#by-link-modal [data-safe]").click();
  await settle();
  assert.match(page.text("#login_message"), /tidak jadi masuk/);
});

test("a link logs in by itself where its member was before", async (context) => {
  const page = await linked(context, true);
  assert.deepEqual(page.went, ["/dashboard"]);
});
