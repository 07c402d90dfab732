// @ts-check
/**
 * The phone's page that lets a computer in: takes the code from the address, the camera or the
 * paste field, shows who asks, and sends the answer. The code is taken out of the address at once.
 */

import { reply } from "../lib/ask.js";
import { inWords } from "../lib/clock.js";
import { beginLogin } from "./phone_login.js";
import { codeIn } from "./qr_code.js";
import { QrCamera } from "./qr_camera.js";
import { byId, field, make, occupy, say, write } from "../lib/dom.js";
import { UNREACHABLE } from "../lib/words.js";
import { onSession } from "../session/session_events.js";

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
  beginLogin();
  byId("paste_form").addEventListener("submit", (event) => {
    event.preventDefault();
    void useText(field("paste").value);
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
  onSession("qr_login", ({ status }) => collected(status));
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
  occupy(byId("paste_button", HTMLButtonElement), true);
  const reached = await reply("/api/auth/qr/scan", { json: { token: found.code } });
  occupy(byId("paste_button", HTMLButtonElement), false);
  if (!reached?.ok) {
    show("scan");
    say("scan_message", scanTrouble(reached));
    return;
  }
  code = found.code;
  showAsking(reached.body.context, reached.body.match);
}

/** @param {import("../lib/ask.js").Answer | null} reached */
function scanTrouble(reached) {
  if (!reached) return UNREACHABLE;
  if (reached.status === 404) return "Kode ini tidak dikenal. Minta kode baru di komputer.";
  if (reached.status === 410) return "Kode ini sudah kadaluarsa. Buat kode baru di komputer.";
  if (reached.status === 409) return "Kode ini sudah dipakai. Buat kode baru di komputer.";
  return reached.body.message ?? "Belum berhasil. Coba sekali lagi.";
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
  return make("button", { type: "button", class: "button number", "data-number": String(number) }, String(number));
}

// The answer -----------------------------------------------------------------------------------

/**
 * @param {boolean} approved
 * @param {number} [match]
 */
async function answer(approved, match) {
  for (const button of answerButtons()) button.disabled = true;
  const body = approved ? { token: code, approved, match } : { token: code, approved };
  const reached = await reply("/api/auth/qr/approve", { json: body });
  for (const button of answerButtons()) button.disabled = false;
  if (!reached) {
    say("ask_message", UNREACHABLE);
    return;
  }
  if (reached.ok && approved) awaitCollection();
  else if (reached.ok) finish("Ditolak", "Tidak ada yang masuk ke akun Anda.");
  else if (reached.body.type === "WRONG_NUMBER") {
    finish("Angkanya tidak sama", "Permintaan ini dibatalkan. Bila itu memang Anda, buat kode baru di komputer.");
  } else finish("Tidak jadi", scanTrouble(reached));
}

function awaitCollection() {
  const approved = code;
  finish("Disetujui", "Menunggu komputer masuk…");
  const until = Date.now() + COLLECT_MS;
  const look = async () => {
    const reached = await reply("/api/auth/qr/outcome", { json: { token: approved } });
    if (waiting === undefined) return;
    if (reached?.ok && reached.body.status !== "approved") collected(reached.body.status);
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
