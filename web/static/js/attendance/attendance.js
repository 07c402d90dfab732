// @ts-check
/** The student's form: asks nobody when this phone has filled in today, else sends it once. */

import { dateIn, deviceId, forgetEntries, localStore, recall, remember } from "./attendance_device.js";
import { newUuid } from "../lib/uuid.js";

const DEADLINE_MS = 15_000;

/** A lost answer is asked for again by itself: the same form, under the same key. */
const TRIES = 3;
const RETRY_MS = 1_500;

const TYPING_MS = 250;
const SHORTEST_SEARCH = 3;

/** setTimeout counts in 32 bits. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const UNREACHABLE = "Server tidak terjangkau. Periksa sambungan internet Anda, lalu kirim lagi.";
const SCAN = "Pindai kode QR yang sedang tampil di layar kelas untuk mengisi absensi.";

/**
 * @typedef {object} Body of an answer: of each what it has
 * @property {string} message
 * @property {string} [ticket]
 * @property {string} day
 * @property {{name: string, class: string}[]} [students]
 * @property {{id: string, student_name: string, class: string, status: string,
 *   recorded_at: string}} attendance
 */

const form = /** @type {HTMLFormElement} */ (element("form"));
const fields = /** @type {HTMLFieldSetElement} */ (element("fields"));
const send = /** @type {HTMLButtonElement} */ (element("send"));
const nameField = /** @type {HTMLInputElement} */ (element("name"));
const classField = /** @type {HTMLInputElement} */ (element("class"));
const reasonField = /** @type {HTMLTextAreaElement} */ (element("reason"));
const leaveButton = document.getElementById("leave");

const { meeting = "", zone = "", revoked = "", listed, rotating, mode } = form.dataset;
const storage = localStore();
const device = deviceId(storage, form.dataset.device);

/** How far the server's clock is ahead of this phone's. */
const offsetMs = Number(form.dataset.now) - Date.now();

let asksLeave = mode === "leave";
let ticket = "";
let retryKey = "";
/** @type {ReturnType<typeof setTimeout> | undefined} */
let typing;

begin();

function begin() {
  form.addEventListener("submit", submit);
  form.addEventListener("input", () => (retryKey = ""));
  leaveButton?.addEventListener("click", () => askLeave(!asksLeave));
  element("forget").addEventListener("click", forget);
  if (listed) nameField.addEventListener("input", () => suggestSoon());
  addEventListener("storage", isFilledIn); // another tab has filled in
  addEventListener("pageshow", (event) => event.persisted && look());
  // At midnight in the meeting's zone a new day begins, also for a page that was left open.
  const left = Number(form.dataset.dayEnds) - Date.now() - offsetMs;
  setTimeout(() => location.reload(), Math.min(Math.max(left, 1_000), LONGEST_TIMER_MS));
  if (form.dataset.opens) setTimeout(opened, Number(form.dataset.opens) - Date.now() - offsetMs);
  askLeave(asksLeave);
  look();
}

/** The meeting has begun; what somebody is typing is not thrown away for it. */
function opened() {
  if (form.hidden || !nameField.value) location.reload();
  else show("message", "Absensi sudah dibuka. Muat ulang halaman ini untuk mengisi kehadiran.");
}

/** The first layer: who has filled in today finds the form closed, and no request is sent. */
function look() {
  if (isFilledIn()) return;
  show("already", "");
  fields.disabled = false;
  if (rotating && mode !== "leave") void present();
}

/** Whether this device has filled in today, in whichever tab; then the form is closed. */
function isFilledIn() {
  const day = form.dataset.day || dateIn(Date.now() + offsetMs, zone);
  const entry = recall(storage, { meeting, device, day, zone, revoked: revoked.split(" ") });
  if (!entry) return false;
  const who = entry.name ? ` Tercatat sebagai ${entry.name} (${entry.class}).` : "";
  show("already", `Anda sudah mengisi absensi hari ini.${who}`);
  fields.disabled = true;
  return true;
}

/** Hands in the code that was scanned, for a ticket that outlives the code. */
async function present() {
  const code = /^#k=([A-Z2-7]{1,32})$/i.exec(location.hash)?.[1];
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  if (!code) {
    show("message", ticket ? "" : SCAN);
    return;
  }
  const answer = await ask("/api/attendance/presence", { meeting_id: meeting, deviceId: device, code });
  ticket = answer?.body.ticket ?? "";
  show("message", answer?.ok ? "" : (answer?.body.message ?? UNREACHABLE));
}

// Sending --------------------------------------------------------------------------------------

/** @param {SubmitEvent} event */
async function submit(event) {
  event.preventDefault();
  if (fields.disabled || isFilledIn() || !isComplete()) return;
  const body = { meeting_id: meeting, name: nameField.value, class: classField.value, deviceId: device };
  const more = asksLeave ? { reason: reasonField.value } : ticket ? { ticket } : {};
  const path = asksLeave ? "permission" : "submit";
  retryKey ||= newUuid();
  fields.disabled = true;
  send.textContent = "Mengirim…";
  show("message", "");
  const answer = await sendUntilAnswered(`/api/attendance/${path}`, { ...body, ...more });
  fields.disabled = false;
  nameSendButton();
  if (answer?.ok) accepted(answer.body);
  else show("message", answer?.body.message ?? UNREACHABLE);
}

function isComplete() {
  const empty = [nameField, classField].find((field) => !field.value.trim());
  const reason = reasonField.value.trim().length;
  const problem = empty ?? (asksLeave && reason < 10 ? reasonField : null);
  if (!problem) return true;
  show("message", problem === reasonField ? "Tulis alasan izin, paling sedikit 10 karakter." : "Isi nama dan kelas Anda.");
  problem.focus();
  return false;
}

/**
 * @param {string} path
 * @param {object} body
 */
async function sendUntilAnswered(path, body) {
  for (let tries = 1; ; tries += 1) {
    const answer = await ask(path, body, { "Idempotency-Key": retryKey });
    if (answer || tries === TRIES) return answer;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** @param {Body} body */
function accepted({ message, attendance, day }) {
  remember(storage, meeting, device, {
    name: attendance.student_name,
    class: attendance.class,
    timestamp: new Date(attendance.recorded_at).toISOString(),
    attendanceId: attendance.id,
    day,
  });
  const at = attendance.recorded_at.slice(11, 16).replace(":", ".");
  const late = attendance.status === "TERLAMBAT" ? ", terlambat" : "";
  element("done-title").textContent = message;
  element("done-text").textContent = `${attendance.student_name} (${attendance.class}), pukul ${at}${late}`;
  element("done").hidden = false;
  fields.disabled = true;
  form.hidden = true;
}

// The form -------------------------------------------------------------------------------------

/** @param {boolean} wanted */
function askLeave(wanted) {
  asksLeave = wanted;
  element("reason-field").hidden = !wanted;
  if (leaveButton) {
    leaveButton.setAttribute("aria-pressed", String(wanted));
    leaveButton.textContent = wanted ? "Batal, saya hadir" : "Tidak bisa hadir? Ajukan izin";
  }
  nameSendButton();
}

function nameSendButton() {
  send.textContent = asksLeave ? "Kirim permohonan izin" : "Kirim absensi";
}

function suggestSoon() {
  clearTimeout(typing);
  typing = setTimeout(() => void suggest(nameField.value.trim()), TYPING_MS);
}

/** @param {string} typed */
async function suggest(typed) {
  if (typed.length < SHORTEST_SEARCH) return;
  const answer = await ask(`/api/attendance/${meeting}/students?q=${encodeURIComponent(typed)}`);
  /** @type {{name: string, class: string}[]} */
  const found = answer?.body.students ?? [];
  const options = found.map((student) => {
    const option = document.createElement("option");
    option.value = student.name;
    option.label = student.class;
    return option;
  });
  element("names").replaceChildren(...options);
  const same = found.filter(({ name }) => name.toLowerCase() === typed.toLowerCase());
  if (same.length === 1 && !classField.value) classField.value = same[0].class;
}

function forget() {
  forgetEntries(storage);
  form.reset();
  show("already", "Nama dan kelas Anda sudah dihapus dari perangkat ini.");
}

// ----------------------------------------------------------------------------------------------

/**
 * @param {string} path
 * @param {object} [body] sent as JSON; without one it is a GET
 * @param {Record<string, string>} [headers]
 * @returns {Promise<{ok: boolean, body: Body} | null>} null when nobody answered
 */
async function ask(path, body, headers = {}) {
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), DEADLINE_MS);
  try {
    const response = await fetch(path, {
      method: body ? "POST" : "GET",
      credentials: "same-origin",
      cache: "no-store",
      headers: body ? { "Content-Type": "application/json", ...headers } : headers,
      body: body && JSON.stringify(body),
      signal: deadline.signal,
    });
    return { ok: response.ok, body: await response.json().catch(() => ({})) };
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * @param {string} id
 * @param {string} text nothing hides the box
 */
function show(id, text) {
  const box = element(id);
  box.textContent = text;
  box.hidden = !text;
}

/** @param {string} id */
function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}
