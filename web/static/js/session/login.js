// @ts-check
/**
 * The login page: asks, shows the conflict when another device is in, and takes the place when
 * the member says so. `/cekfingerprint` checks, `/auth/authenticate` opens the session.
 */

import "../lib/password_field.js";
import { Unreachable, ask } from "../lib/ask.js";
import { byId } from "../lib/dom.js";
import { Modal } from "../lib/modal.js";
import { whyNot } from "../lib/words.js";
import { getFingerprint, readFingerprint } from "./fingerprint.js";
import { browserId } from "./identity.js";
import { takeCredentials } from "./login_address.js";
import { LoginForm } from "./login_form.js";

const CHECK_ADDRESS = "/cekfingerprint";
const AUTHENTICATE_ADDRESS = "/auth/authenticate";
const HOME = "/dashboard";

/** A password check takes its turn behind others; with the grace it stays well below this. */
const LOGIN_DEADLINE_MS = 20_000;

/** The waits where the server names none: when it is busy, and after too many tries. */
const BUSY_SECONDS = 2;
const LIMIT_SECONDS = 60;

/** Another tab has logged in: its cookie is there by then. */
const FOLLOW_MS = 1_000;

/** Tabs that wait on this page come along when one of them has logged in. */
const LOGIN_CHANNEL = "jaga:login";

const NO_COOKIES =
  "Browser ini menolak cookie, padahal tanpa cookie Anda tidak bisa masuk. Izinkan cookie untuk situs ini di pengaturan browser, lalu muat ulang halaman ini.";

/** @typedef {"" | "keep"} Action */

const form = new LoginForm();
const conflict = new Modal(byId("alert-modal"));
const otherMember = new Modal(byId("other-member-modal"));
const byLink = new Modal(byId("by-link-modal"));
const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(LOGIN_CHANNEL);

/** Who is logged in in this browser at the moment, or "". */
const signedIn = form.element.dataset.signedIn ?? "";

/** Whether a link brought what is in the form, and nobody has said yet that it is meant. */
let isFromLink = false;

begin();

function begin() {
  browserId();
  getFingerprint();
  if (keepsCookies()) {
    form.begin(() => {
      isFromLink = false;
      void logIn();
    });
  }
  channel?.addEventListener("message", followLogin);
  void useAddress();
}

/** Without cookies, every login would end on this page again. */
function keepsCookies() {
  return readFingerprint(document.cookie) !== null;
}

/** Logs in with the credentials in the address, if there are any that may be used. */
async function useAddress() {
  const mode = /** @type {import("./login_address.js").Mode} */ (form.element.dataset.credentials ?? "off");
  const here = new URL(location.href);
  const { credentials, clean } = takeCredentials(here, mode);
  if (clean !== here.pathname + here.search + here.hash) history.replaceState(null, "", clean);
  if (!keepsCookies()) return form.say(NO_COOKIES);
  if (!credentials) {
    if (signedIn && !here.searchParams.has("reason")) location.replace(HOME);
    return;
  }
  form.username.value = credentials.username;
  form.password.value = credentials.password;
  // A link must not put a member into another's account unnoticed.
  if (signedIn && (await otherMember.ask()) !== "switch") {
    location.replace(HOME);
    return;
  }
  isFromLink = !signedIn;
  void logIn();
}

// Asking ---------------------------------------------------------------------------------------

/**
 * Asks whether this login may go ahead, and goes ahead when it may.
 *
 * @param {Action} [action]
 */
async function logIn(action = "") {
  if (!form.isComplete()) return;
  getFingerprint();
  form.work("Memeriksa…");
  await attempt(() => check(action), action);
}

/** @param {Action} action */
async function check(action) {
  const [name, pass] = [form.username.value, form.password.value];
  const answer = await ask(CHECK_ADDRESS, {
    json: { username: name, pass, action, ...(isFromLink && { link: true }) },
    deadlineMs: LOGIN_DEADLINE_MS,
  });
  if (!answer.ok) refuse(answer, action);
  else if (isFromLink && !answer.body.known && !(await isMeant(name))) stay();
  else if (answer.body.status === "sama") await authenticate(answer.body, action);
  else await askAboutConflict();
}

/**
 * Asks whether a login that a link wants is meant: in a browser where this member never was, it may
 * be somebody else's account that the link puts there.
 *
 * @param {string} name
 */
async function isMeant(name) {
  form.rest();
  byId("by-link-title").textContent = `Masuk sebagai ${name}?`;
  isFromLink = (await byLink.ask()) !== "enter";
  return !isFromLink;
}

function stay() {
  form.password.value = "";
  form.say("Baik, tidak jadi masuk.", "calm");
}

/**
 * Opens the session.
 *
 * @param {{login?: string, ticket?: string}} permission answer of the check
 * @param {Action} action
 */
async function authenticate(permission, action) {
  form.work("Membuka sesi…");
  /** @type {Record<string, string>} */
  const values = { username: form.username.value, password: form.password.value };
  if (permission.ticket) values.ticket = permission.ticket;
  if (form.remember.checked) values.remember = "1";
  const answer = await ask(ownPath(permission.login, AUTHENTICATE_ADDRESS), {
    form: values,
    deadlineMs: LOGIN_DEADLINE_MS,
  });
  if (answer.body.type === "SESSION_CONFLICT") await askAboutConflict();
  else if (!answer.ok) refuse(answer, action);
  else enter(ownPath(answer.body.redirect, HOME));
}

/** @param {string} address */
function enter(address) {
  channel?.postMessage({ kind: "signed-in" });
  form.say("");
  location.assign(address);
}

async function askAboutConflict() {
  form.rest();
  if ((await conflict.ask()) === "keep") void logIn("keep");
  else stayElsewhere();
}

function stayElsewhere() {
  form.password.value = "";
  if (signedIn) location.assign("/logout");
  else form.say("Baik. Anda tetap aktif di perangkat lain, dan di sini tidak ada yang berubah.", "calm");
}

// What can go wrong ----------------------------------------------------------------------------

/**
 * @param {import("../lib/ask.js").Answer} answer
 * @param {Action} action
 */
function refuse(answer, action) {
  form.rest();
  if (answer.status === 429) form.countDown(answer.retryAfter ?? LIMIT_SECONDS);
  else if (answer.status === 503) askAgain(answer.retryAfter ?? BUSY_SECONDS, action, "Server sedang sibuk.");
  else if (answer.body.type === "ACCOUNT_BLOCKED") location.assign(`/login?reason=${answer.body.reason ?? "blocked"}`);
  else form.say(whyNot(answer, "Login belum berhasil. Coba sekali lagi."));
  if (answer.status === 401) form.retype();
}

/**
 * @param {() => Promise<void>} request
 * @param {Action} action
 */
async function attempt(request, action) {
  try {
    await request();
  } catch (error) {
    form.rest();
    if (!(error instanceof Unreachable)) throw error;
    if (navigator.onLine) askAgain(BUSY_SECONDS, action, "Server tidak terjangkau.");
    else form.sayOffline();
  }
}

/**
 * @param {number} seconds
 * @param {Action} action
 * @param {string} why
 */
function askAgain(seconds, action, why) {
  form.askAgain(seconds, why, () => void logIn(action));
}

/** @param {MessageEvent<{kind?: string}>} event */
function followLogin({ data }) {
  const isAsking = [conflict, otherMember, byLink].some((one) => one.isOpen);
  const busy = isAsking || form.password.value !== "";
  if (data.kind === "signed-in" && !busy) setTimeout(() => location.replace(HOME), FOLLOW_MS);
}

/**
 * An address from an answer, if it is a path of this site.
 *
 * @param {unknown} address
 * @param {string} otherwise
 */
function ownPath(address, otherwise) {
  if (typeof address !== "string") return otherwise;
  const url = new URL(address, location.origin);
  return url.origin === location.origin ? url.pathname + url.search : otherwise;
}
