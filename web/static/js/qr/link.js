// @ts-check
/**
 * The phone's page that lets a computer in: takes the code from the address, the camera or the
 * paste field, shows who asks, and sends the answer. The code is taken out of the address at once.
 */

import "../lib/password_field.js";
import { ask } from "../lib/ask.js";
import { inWords } from "../lib/clock.js";
import { codeIn } from "./qr_code.js";
import { QrCamera } from "./qr_camera.js";

/** Keeps a code over the login in between; it is good for two minutes anyway. */
const KEPT_CODE = "link_code";

/** How long the computer has to collect; afterwards there is nothing to wait for. */
const COLLECT_MS = 32_000;

/** The line tells at once; this is for a line that is not open (yet), or another tab's. */
const LOOK_MS = 2_000;

const VIEWS = ["login", "scan", "ask", "done"];

/** @typedef {{browser: string, os: string, ip: string, location_mismatch: boolean,
 *   age_seconds: number, is_new: boolean}} Context */

const isPhone = document.body.hasAttribute("data-phone");
let code = "";
/** Set while the computer has not collected yet. @type {ReturnType<typeof setTimeout> | undefined} */
let waiting;

const camera = new QrCamera(byId("camera_video"), (text) => void useText(text));

begin();

function begin() {
  byId("login_form").addEventListener("submit", (event) => void signIn(event));
  byId("paste_form").addEventListener("submit", (event) => {
    event.preventDefault();
    void useText(/** @type {HTMLInputElement} */ (byId("paste")).value);
  });
  byId("camera_start").addEventListener("click", () => void openCamera());
  byId("camera_stop").addEventListener("click", closeCamera);
  byId("decline").addEventListener("click", () => void answer(false));
  byId("numbers").addEventListener("click", (event) => {
    const button = /** @type {Element} */ (event.target).closest("[data-number]");
    if (button) void answer(true, Number(button.getAttribute("data-number")));
  });
  byId("again").addEventListener("click", startOver);
  addEventListener("hashchange", () => void useAddress());
  addEventListener("pagehide", closeCamera);
  document.addEventListener("session-qr_login", (event) =>
    collected(/** @type {CustomEvent} */ (event).detail.status),
  );
  if (!QrCamera.isThere()) byId("camera_part").hidden = true;
  show(isPhone ? "scan" : "login");
  void useAddress();
}

async function useAddress() {
  const kept = sessionStorage.getItem(KEPT_CODE) ?? "";
  const text = location.hash.length > 1 ? location.href : kept;
  sessionStorage.removeItem(KEPT_CODE);
  if (location.hash) history.replaceState(null, "", location.pathname);
  if (!text) return;
  if (isPhone) await useText(text);
  else if (codeIn(text, location.origin).code) {
    sessionStorage.setItem(KEPT_CODE, codeIn(text, location.origin).code);
    byId("waiting_code").hidden = false;
  }
}

// The phone's own login ------------------------------------------------------------------------

/** @param {Event} event */
async function signIn(event) {
  event.preventDefault();
  const email = /** @type {HTMLInputElement} */ (byId("email"));
  const password = /** @type {HTMLInputElement} */ (byId("password"));
  if (!email.value.trim() || !password.value) {
    say("login_message", "Isi email dan password dulu, ya.");
    return;
  }
  const button = busy("login_button", true);
  const reply = await ask("/api/auth/login", {
    json: {
      email: email.value,
      password: password.value,
      device_type: "mobile",
      delivery: "cookie",
    },
    deadlineMs: 20_000,
  }).catch(() => null);
  if (reply?.ok) {
    location.reload();
    return;
  }
  busy("login_button", false);
  say("login_message", reply?.body.message ?? "Server tidak terjangkau. Coba lagi.");
  button.focus();
}

// The code -------------------------------------------------------------------------------------

async function openCamera() {
  say("scan_message", "");
  byId("camera_start").hidden = true;
  byId("camera_view").hidden = false;
  if (await camera.open()) return;
  closeCamera();
  say("scan_message", "Kamera tidak bisa dipakai. Tempel tautan kodenya di bawah ini.");
}

function startOver() {
  stopWaiting();
  show("scan");
}

function closeCamera() {
  camera.close();
  byId("camera_start").hidden = false;
  byId("camera_view").hidden = true;
}

/** @param {string} text */
async function useText(text) {
  const found = codeIn(text, location.origin);
  if (!found.code) {
    const foreign = "Kode ini bukan dari situs ini. Jangan dilanjutkan.";
    say("scan_message", found.foreign ? foreign : "Ini bukan kode login. Coba pindai sekali lagi.");
    return;
  }
  closeCamera();
  stopWaiting();
  say("scan_message", "");
  busy("paste_button", true);
  const reply = await ask("/api/auth/qr/scan", { json: { token: found.code } }).catch(() => null);
  busy("paste_button", false);
  if (!reply?.ok) {
    show("scan");
    say("scan_message", scanTrouble(reply));
    return;
  }
  code = found.code;
  showAsking(reply.body.context, reply.body.match);
}

/** @param {import("../lib/ask.js").Answer | null} reply */
function scanTrouble(reply) {
  if (!reply) return "Server tidak terjangkau. Coba lagi.";
  if (reply.status === 404) return "Kode ini tidak dikenal. Minta kode baru di komputer.";
  if (reply.status === 410) return "Kode ini sudah kadaluarsa. Buat kode baru di komputer.";
  if (reply.status === 409) return "Kode ini sudah dipakai. Buat kode baru di komputer.";
  return reply.body.message ?? "Belum berhasil. Coba sekali lagi.";
}

/**
 * @param {Context} context
 * @param {number[]} numbers
 */
function showAsking(context, numbers) {
  write("ask_browser", context.browser || "Browser");
  write("ask_os", context.os || "Tidak diketahui");
  write("ask_ip", context.ip);
  write("ask_age", `${inWords(Math.max(1, context.age_seconds))} yang lalu`);
  byId("ask_elsewhere").hidden = !context.location_mismatch;
  byId("ask_new").hidden = !context.is_new;
  byId("numbers").replaceChildren(...numbers.map(numberButton));
  say("ask_message", "");
  show("ask");
}

/** @param {number} number */
function numberButton(number) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button number";
  button.dataset.number = String(number);
  button.textContent = String(number);
  return button;
}

// The answer -----------------------------------------------------------------------------------

/**
 * @param {boolean} approved
 * @param {number} [match]
 */
async function answer(approved, match) {
  for (const button of answerButtons()) button.disabled = true;
  const body = approved ? { token: code, approved, match } : { token: code, approved };
  const reply = await ask("/api/auth/qr/approve", { json: body }).catch(() => null);
  for (const button of answerButtons()) button.disabled = false;
  if (!reply) {
    say("ask_message", "Server tidak terjangkau. Coba lagi.");
    return;
  }
  if (reply.ok && approved) awaitCollection();
  else if (reply.ok) finish("Ditolak", "Tidak ada yang masuk ke akun Anda.");
  else if (reply.body.type === "WRONG_NUMBER") {
    finish("Angkanya tidak sama", "Permintaan ini dibatalkan. Bila itu memang Anda, buat kode baru di komputer.");
  } else finish("Tidak jadi", scanTrouble(reply));
}

function awaitCollection() {
  const approved = code;
  finish("Disetujui", "Menunggu komputer masuk…");
  const until = Date.now() + COLLECT_MS;
  const look = async () => {
    const reply = await ask("/api/auth/qr/outcome", { json: { token: approved } }).catch(() => null);
    if (waiting === undefined) return;
    if (reply?.ok && reply.body.status !== "approved") collected(reply.body.status);
    else if (Date.now() < until) waiting = setTimeout(look, LOOK_MS);
    else write("done_text", "Lihat layar komputer Anda.");
  };
  waiting = setTimeout(look, LOOK_MS);
}

/** @param {string} status `redeemed` or `expired` */
function collected(status) {
  if (waiting === undefined) return;
  if (status === "redeemed") finish("Komputer sudah masuk", "Sesi web yang lama sudah ditutup. Komputer ini bisa Anda keluarkan kapan saja dari daftar perangkat.");
  else finish("Komputer tidak jadi masuk", "Waktunya habis. Tidak ada sesi yang berubah.");
}

/**
 * @param {string} title
 * @param {string} text
 */
function finish(title, text) {
  stopWaiting();
  code = "";
  write("done_title", title);
  write("done_text", text);
  show("done");
}

function stopWaiting() {
  clearTimeout(waiting);
  waiting = undefined;
}

// What the page shows --------------------------------------------------------------------------

/** @param {string} view */
function show(view) {
  for (const name of VIEWS) byId(`view_${name}`).hidden = name !== view;
  document.body.dataset.view = view;
}

/** @returns {HTMLButtonElement[]} */
function answerButtons() {
  return [...byId("view_ask").querySelectorAll("button")];
}

/**
 * @param {string} id
 * @param {boolean} isBusy
 */
function busy(id, isBusy) {
  const button = /** @type {HTMLButtonElement} */ (byId(id));
  button.disabled = isBusy;
  button.toggleAttribute("aria-busy", isBusy);
  if (isBusy) button.setAttribute("aria-busy", "true");
  return button;
}

/**
 * @param {string} id
 * @param {string} text nothing hides the box
 */
function say(id, text) {
  const box = byId(id);
  box.textContent = text;
  box.style.display = text ? "flex" : "none";
}

/**
 * @param {string} id
 * @param {string} text
 */
function write(id, text) {
  byId(id).textContent = text;
}

/** @param {string} id */
function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new TypeError(`#${id} is missing`);
  return element;
}
