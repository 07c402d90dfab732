// @ts-check
/**
 * The login page: asks, shows the conflict when another device is in, and takes the place when
 * the member says so. `/cekfingerprint` checks, `/auth/authenticate` opens the session.
 */

import "../lib/password_field.js";
import { ask, Unreachable } from "../lib/ask.js";
import { asCountdown } from "../lib/clock.js";
import { getFingerprint } from "./fingerprint.js";
import { browserId } from "./identity.js";
import { takeCredentials } from "./login_address.js";
import { Modal } from "../lib/modal.js";

const CHECK_ADDRESS = "/cekfingerprint";
const AUTHENTICATE_ADDRESS = "/auth/authenticate";
const HOME = "/dashboard";

/** A password check takes its turn behind others; with the grace it stays well below this. */
const LOGIN_DEADLINE_MS = 20_000;

/** A busy server is asked again this often before the member has to press the button. */
const BUSY_TRIES = 5;

/** The wait before asking a busy server again, where it names none or an unreasonable one. */
const BUSY_SECONDS = { fallback: 2, longest: 30 };

/** The wait after too many tries, where the server names none. */
const LIMIT_SECONDS = 60;

const SECOND_MS = 1_000;

/** Tabs that wait on this page come along when one of them has logged in. */
const LOGIN_CHANNEL = "jaga:login";

/** @typedef {"" | "keep"} Action */

const form = byId("formLogin", HTMLFormElement);
const username = byId("username", HTMLInputElement);
const password = byId("password", HTMLInputElement);
const remember = byId("remember", HTMLInputElement);
const button = byId("login_button", HTMLButtonElement);
const buttonLabel = byId("login_button_label", HTMLElement);
const messageBox = byId("login_message", HTMLElement);
const conflict = new Modal(byId("alert-modal", HTMLElement));
const otherMember = new Modal(byId("other-member-modal", HTMLElement));
const byLink = new Modal(byId("by-link-modal", HTMLElement));
const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(LOGIN_CHANNEL);

/** Who is logged in in this browser at the moment, or "". */
const signedIn = form.dataset.signedIn ?? "";

const LABEL = buttonLabel.textContent ?? "";

/** Whether a link brought what is in the form, and nobody has said yet that it is meant. */
let isFromLink = false;
let busyTries = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let waiting;

begin();

function begin() {
  browserId();
  getFingerprint();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busyTries = 0;
    isFromLink = false;
    void fetchHandler(username.value, password.value);
  });
  form.addEventListener("input", stopWaiting);
  addEventListener("offline", sayOffline);
  addEventListener("online", () => messageBox.dataset.tone === "offline" && say(""));
  channel?.addEventListener("message", followLogin);
  // Back from the next page: the button must not still be turning.
  addEventListener("pageshow", (event) => event.persisted && rest());
  button.disabled = false;
  void useAddress();
}

/** Logs in with the credentials in the address, if there are any that may be used. */
async function useAddress() {
  const mode = /** @type {import("./login_address.js").Mode} */ (form.dataset.credentials ?? "off");
  const here = new URL(location.href);
  const { credentials, clean } = takeCredentials(here, mode);
  if (clean !== here.pathname + here.search + here.hash) history.replaceState(null, "", clean);
  if (!credentials) {
    if (signedIn && !here.searchParams.has("reason")) location.replace(HOME);
    return;
  }
  username.value = credentials.username;
  password.value = credentials.password;
  // A link must not put a member into another's account unnoticed.
  if (signedIn && (await otherMember.ask()) !== "switch") {
    location.replace(HOME);
    return;
  }
  isFromLink = !signedIn;
  void fetchHandler(username.value, password.value);
}

// Asking ---------------------------------------------------------------------------------------

/**
 * Asks whether this login may go ahead, and goes ahead when it may.
 *
 * @param {string} name
 * @param {string} pass
 * @param {Action} [action]
 */
async function fetchHandler(name, pass, action = "") {
  if (!name.trim() || !pass) {
    say("Isi username dan password dulu, ya.");
    (name.trim() ? password : username).focus();
    return;
  }
  getFingerprint();
  work("Memeriksa…");
  await attempt(async () => {
    const answer = await ask(CHECK_ADDRESS, {
      json: { username: name, pass, action, ...(isFromLink && { link: true }) },
      deadlineMs: LOGIN_DEADLINE_MS,
    });
    if (!answer.ok) refuse(answer, action);
    else if (isFromLink && !answer.body.known && !(await isMeant(name))) stay();
    else if (answer.body.status === "sama") await authenticate(answer.body, action);
    else await askAboutConflict();
  }, action);
}

/**
 * Asks whether a login that a link wants is meant: in a browser where this member never was, it may
 * be somebody else's account that the link puts there.
 *
 * @param {string} name
 */
async function isMeant(name) {
  rest();
  byId("by-link-title", HTMLElement).textContent = `Masuk sebagai ${name}?`;
  isFromLink = (await byLink.ask()) !== "enter";
  return !isFromLink;
}

function stay() {
  password.value = "";
  say("Baik, tidak jadi masuk.", "calm");
}

/**
 * Opens the session.
 *
 * @param {{login?: string, ticket?: string}} permission answer of the check
 * @param {Action} action
 */
async function authenticate(permission, action) {
  work("Membuka sesi…");
  /** @type {Record<string, string>} */
  const values = { username: username.value, password: password.value };
  if (permission.ticket) values.ticket = permission.ticket;
  if (remember.checked) values.remember = "1";
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
  say("");
  location.assign(address);
}

async function askAboutConflict() {
  rest();
  const answer = await conflict.ask();
  handleAction(answer === "keep" ? "keep" : "other");
}

/**
 * What the member chose in the conflict.
 *
 * @param {"other" | "keep"} action
 */
function handleAction(action) {
  if (action === "keep") {
    void fetchHandler(username.value, password.value, "keep");
    return;
  }
  password.value = "";
  if (signedIn) location.assign("/logout");
  else say("Baik. Anda tetap aktif di perangkat lain, dan di sini tidak ada yang berubah.", "calm");
}

// What can go wrong ----------------------------------------------------------------------------

/**
 * @param {import("../lib/ask.js").Answer} answer
 * @param {Action} action
 */
function refuse(answer, action) {
  rest();
  if (answer.status === 429) countDown(answer.retryAfter ?? LIMIT_SECONDS);
  else if (answer.status === 503) askAgain(answer.retryAfter ?? BUSY_SECONDS.fallback, action);
  else say(answer.body.message ?? "Login belum berhasil. Coba sekali lagi.");
  if (answer.status === 401) {
    password.select();
    password.focus();
  }
}

/**
 * @param {() => Promise<void>} request
 * @param {Action} action
 */
async function attempt(request, action) {
  try {
    await request();
  } catch (error) {
    rest();
    if (!(error instanceof Unreachable)) throw error;
    if (navigator.onLine) askAgain(BUSY_SECONDS.fallback, action, "Server tidak terjangkau.");
    else sayOffline();
  }
}

/** @param {number} seconds until the server listens again */
function countDown(seconds) {
  button.disabled = true;
  const endsAt = Date.now() + seconds * SECOND_MS;
  const tick = () => {
    const left = (endsAt - Date.now()) / SECOND_MS;
    if (left <= 0) {
      button.disabled = false;
      say("Silakan coba lagi.", "calm");
      return;
    }
    say(`Terlalu banyak percobaan. Coba lagi dalam ${asCountdown(left)}.`);
    waiting = setTimeout(tick, SECOND_MS);
  };
  tick();
}

/**
 * Asks again by itself, a few times; typing stops it.
 *
 * @param {number} seconds
 * @param {Action} action
 * @param {string} [why]
 */
function askAgain(seconds, action, why = "Server sedang sibuk.") {
  busyTries += 1;
  if (busyTries > BUSY_TRIES) {
    say(`${why} Coba lagi beberapa saat lagi.`);
    return;
  }
  const wait = Math.min(BUSY_SECONDS.longest, Math.max(1, seconds));
  say(`${why} Dicoba lagi otomatis dalam ${wait} detik…`, "calm");
  waiting = setTimeout(
    () => void fetchHandler(username.value, password.value, action),
    wait * SECOND_MS,
  );
}

/** What is being typed is no longer what was to be sent again; the server's limit stays. */
function stopWaiting() {
  if (!button.disabled) clearTimeout(waiting);
}

/** @param {MessageEvent<{kind?: string}>} event */
function followLogin({ data }) {
  const isAsking = [conflict, otherMember, byLink].some((one) => one.isOpen);
  const busy = isAsking || password.value !== "";
  if (data.kind === "signed-in" && !busy) setTimeout(() => location.replace(HOME), SECOND_MS);
}

// What the page shows --------------------------------------------------------------------------

function sayOffline() {
  say("Perangkat ini sedang tidak tersambung ke internet.", "offline");
}

/**
 * @param {string} text nothing hides the box
 * @param {"alarm" | "calm" | "offline"} [tone]
 */
function say(text, tone = "alarm") {
  messageBox.textContent = text;
  messageBox.dataset.tone = tone;
  messageBox.style.display = text ? "flex" : "none";
}

/** @param {string} label */
function work(label) {
  clearTimeout(waiting);
  say("");
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  buttonLabel.textContent = label;
}

function rest() {
  clearTimeout(waiting);
  button.disabled = false;
  button.removeAttribute("aria-busy");
  buttonLabel.textContent = LABEL;
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

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {{new (): T}} type
 * @returns {T}
 */
function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new TypeError(`#${id} is missing`);
  return element;
}
