// @ts-check
/** One meeting's page: its day, live; corrections, the list of students, the settings. */

import { ask } from "../lib/ask.js";
import { BoardLink } from "./board_link.js";
import {
  FLAG_WORDS,
  MeetingDay,
  REFUSAL_WORDS,
  STATUSES,
  STATUS_WORDS,
  clockOf,
  folded,
} from "./meeting_day.js";
import { chooseZone, readMeeting } from "./meeting_form.js";

const UNREACHABLE = "Server tidak terjangkau. Coba lagi sebentar.";

/** A long list is read from a disk or pasted; it takes the server a moment. */
const LIST_DEADLINE_MS = 30_000;

/** A calendar day, which is read as the midnight of UTC. */
const DATE = new Intl.DateTimeFormat("id-ID", { dateStyle: "medium", timeZone: "UTC" });

/** @type {Record<string, string>} */
const STATES = {
  connecting: "Menyambung…",
  live: "Langsung",
  reconnecting: "Menyambung kembali…",
  stopped: "Terputus",
};

const page = element("meeting");
const { meeting = "" } = page.dataset;
const address = `/api/admin/meetings/${meeting}`;
const search = input("search");
const statusFilter = input("status");
const dayField = input("day");
const preview = /** @type {import("../lib/list_preview.js").ListPreview} */ (element("students-preview"));
const model = new MeetingDay();
/** @type {Set<string>} */ const picked = new Set();
const historyDialog = /** @type {HTMLDialogElement} */ (element("history"));
/** @type {import("./meeting_day.js").Person | null} */ let inDialog = null;
let drawing = 0;

const link = new BoardLink({
  meeting,
  query: () => (dayField.value ? `?day=${dayField.value}` : ""),
  onList: (snapshot) => {
    model.load(snapshot);
    if (!dayField.value) dayField.value = snapshot.day;
    aimFiles();
    draw();
  },
  onChanges: (changes) => {
    model.apply(changes);
    drawing ||= requestAnimationFrame(draw);
  },
  onMeeting: (changed) => (changed.deleted ? location.assign("/admin/meetings") : renamed(changed)),
  onState: (state) => {
    element("line-state").dataset.state = state;
    write("line-text", STATES[state]);
  },
});

begin();

function begin() {
  for (const field of [search, statusFilter]) field.addEventListener("input", draw);
  dayField.addEventListener("change", () => void link.load());
  input("pick-all").addEventListener("change", pickAll);
  element("bulk-go").addEventListener("click", () => void bulk());
  element("by-hand").addEventListener("submit", byHand);
  element("rename").addEventListener("submit", (event) => void rename(event));
  element("absent-all").addEventListener("click", () => void absentAll());
  element("copy").addEventListener("click", () => void copyLink());
  element("students-form").addEventListener("submit", (event) => void checkStudents(event));
  element("students-form").addEventListener("input", () => (preview.hidden = true));
  element("students-open").addEventListener("click", () => void openToAll());
  input("active").addEventListener("change", () => void toggle());
  element("form").addEventListener("submit", save);
  element("delete").addEventListener("click", () => void remove());
  fillSettings();
  link.open();
}

// The day --------------------------------------------------------------------------------------

function draw() {
  drawing = 0;
  const { counts, missing, refused, listed } = model;
  write("count-total", String(counts.total));
  for (const status of STATUSES) write(`count-${status}`, String(counts[status]));
  const rows = wanted();
  replace("rows", rows.map(rowPicture));
  element("rows-empty").hidden = rows.length > 0;
  element("missing-panel").hidden = missing.length === 0;
  write("missing-count", String(missing.length));
  replace("missing", missing.map(missingPicture));
  element("refused-panel").hidden = refused.length === 0;
  write("refused-count", String(refused.length));
  replace("refused", refused.map(refusalPicture));
  write("students-count", listed ? `${listed} siswa` : "terbuka untuk semua");
  showPicked();
}

/** Oldest first, as on paper, filtered as the fields above say. */
function wanted() {
  const part = folded(search.value);
  return model.rows
    .reverse()
    .filter((row) => !statusFilter.value || row.status === statusFilter.value)
    .filter((row) => folded(`${row.student_name} ${row.class}`).includes(part));
}

/**
 * @param {import("./meeting_day.js").Row} row
 * @param {number} index
 */
function rowPicture(row, index) {
  const item = document.createElement("tr");
  const pick = /** @type {HTMLInputElement} */ (line("input", "", ""));
  pick.type = "checkbox";
  pick.checked = picked.has(row.student_id);
  pick.setAttribute("aria-label", `Pilih ${row.student_name}`);
  pick.addEventListener("change", () => {
    if (pick.checked) picked.add(row.student_id);
    else picked.delete(row.student_id);
    showPicked();
  });
  const name = nameButton({ id: row.student_id, name: row.student_name, class: row.class });
  const note = line("span", "row-note", row.reason);
  const source = row.source === "manual" ? "dicatat guru" : row.device;
  const flags = row.flags.map((flag) => line("span", "flag", FLAG_WORDS[flag] ?? flag));
  item.append(
    cell(pick),
    cell(String(index + 1)),
    cell(name),
    cell(row.class),
    cell(statusChoice(row)),
    cell(clockOf(row.recorded_at)),
    cell(note, ...flags, line("span", "row-note", row.reason || flags.length ? ` ${source}` : source)),
    cell(revokeButton(row)),
  );
  return item;
}

/** @param {import("./meeting_day.js").Person} person */
function missingPicture(person) {
  const item = document.createElement("li");
  item.append(nameButton(person), ` · ${person.class}`);
  return item;
}

/** @param {import("./meeting_day.js").Person} person */
function nameButton(person) {
  const name = line("button", "row-name", person.name);
  name.setAttribute("type", "button");
  name.title = "Lihat riwayat, betulkan nama";
  name.addEventListener("click", () => void showHistory(person));
  return name;
}

/** @param {import("./meeting_day.js").Row} row */
function statusChoice(row) {
  const choice = /** @type {HTMLSelectElement} */ (line("select", "row-change", ""));
  choice.append(...STATUSES.map((status) => new Option(STATUS_WORDS[status], status)));
  choice.value = row.status;
  choice.setAttribute("aria-label", `Status ${row.student_name}`);
  choice.addEventListener("change", async () => {
    const json = { status: choice.value };
    await act(`/api/admin/attendance/${row.id}`, { method: "PATCH", json });
    void link.load();
  });
  return choice;
}

/** @param {import("./meeting_day.js").Row} row */
function revokeButton(row) {
  const button = line("button", "button quiet", "Batalkan");
  button.setAttribute("type", "button");
  button.addEventListener("click", async () => {
    const question = `Batalkan absensi ${row.student_name}? Siswa dan perangkatnya dapat mengisi lagi.`;
    if (!confirm(question)) return;
    await act(`/api/admin/attendance/${row.id}`, { method: "DELETE" });
    void link.load();
  });
  return button;
}

/** @param {import("./meeting_day.js").Refusal} refusal */
function refusalPicture(refusal) {
  const item = document.createElement("li");
  const why = REFUSAL_WORDS[refusal.type] ?? refusal.type;
  const by = refusal.winner ? ` oleh ${refusal.winner}` : "";
  const note = line("span", "refusal-why", `${why}${by} · perangkat ${refusal.device} `);
  note.append(...refusal.flags.map((flag) => line("span", "flag", FLAG_WORDS[flag] ?? flag)));
  item.append(
    line("span", "row-at", clockOf(refusal.at)),
    line("span", "row-who", `${refusal.name} (${refusal.class})`),
    note,
  );
  return item;
}

// Several at once, and by hand -----------------------------------------------------------------

function pickAll() {
  const all = input("pick-all").checked;
  picked.clear();
  if (all) for (const row of wanted()) picked.add(row.student_id);
  draw();
}

function showPicked() {
  element("bulk").hidden = picked.size === 0;
  write("bulk-count", `${picked.size} dipilih`);
}

async function bulk() {
  const rows = model.rows.filter((row) => picked.has(row.student_id));
  const students = rows.map((row) => ({ name: row.student_name, class: row.class }));
  if (await mark(students, input("bulk-status").value)) picked.clear();
  void link.load();
}

/** @param {SubmitEvent} event */
async function byHand(event) {
  event.preventDefault();
  const form = /** @type {HTMLFormElement} */ (event.target);
  const { name, class: of, status } = Object.fromEntries(new FormData(form));
  if (await mark([{ name, class: of }], String(status))) form.reset();
  void link.load();
}

async function absentAll() {
  if (!confirm(`Tandai ${model.missing.length} siswa tidak hadir?`)) return;
  await mark(model.missing, "TIDAK_HADIR");
  void link.load();
}

/**
 * @param {{name: unknown, class: unknown}[]} students
 * @param {string} status
 */
function mark(students, status) {
  return act(`${address}/attendance`, { json: { students, status, day: model.day } });
}

/** @param {import("./meeting_day.js").Person} person */
async function showHistory(person) {
  inDialog = person;
  write("history-title", `${person.name} (${person.class})`);
  write("history-message", "Memuat…");
  replace("history-rows", []);
  input("rename-name").value = person.name;
  input("rename-class").value = person.class;
  say("rename-message", "");
  historyDialog.showModal();
  const answer = await ask(`/api/admin/students/${person.id}/attendance`).catch(() => null);
  if (answer?.status === 404) {
    write("history-message", "Belum ada kehadiran tercatat.");
    return;
  }
  if (!answer?.ok) {
    write("history-message", answer?.body.message ?? UNREACHABLE);
    return;
  }
  write("history-message", `${answer.body.count} kehadiran tercatat.`);
  replace("history-rows", answer.body.attendances.map(historyPicture));
}

/** @param {{day: string, title: string, status: string, reason: string}} past */
function historyPicture({ day, title, status, reason }) {
  const item = document.createElement("li");
  const word = STATUS_WORDS[status] ?? status;
  item.append(
    line("span", "row-at", DATE.format(new Date(day))),
    line("span", "row-who", title),
    line("span", "refusal-why", reason ? `${word}: ${reason}` : word),
  );
  return item;
}

/**
 * The right spelling; what was recorded moves along.
 *
 * @param {SubmitEvent} event
 */
async function rename(event) {
  event.preventDefault();
  const json = { name: input("rename-name").value, class: input("rename-class").value };
  const path = `/api/admin/students/${inDialog?.id}`;
  const answer = await ask(path, { method: "PATCH", json }).catch(() => null);
  if (!answer?.ok) {
    say("rename-message", answer?.body.message ?? UNREACHABLE);
    return;
  }
  historyDialog.close();
  void link.load();
}

/** Files and paper follow the day in view. */
function aimFiles() {
  for (const id of ["to-excel", "to-csv", "to-xlsx", "to-print"]) {
    const anchor = /** @type {HTMLAnchorElement} */ (element(id));
    const { flavour } = anchor.dataset;
    const asked = { ...(flavour && { flavour }), ...(dayField.value && { day: dayField.value }) };
    anchor.search = new URLSearchParams(asked).toString();
  }
}

// Link, students, settings ---------------------------------------------------------------------

async function copyLink() {
  const text = element("link").textContent ?? "";
  try {
    await navigator.clipboard.writeText(text);
    write("copy", "Tersalin");
  } catch {
    // Plain http has no clipboard: the text is selected, one keystroke is left.
    getSelection()?.selectAllChildren(element("link"));
    write("copy", "Tekan Ctrl+C");
  }
}

/**
 * Shows the list as the server understood it; what is written is what was shown.
 *
 * @param {SubmitEvent} event
 */
async function checkStudents(event) {
  event.preventDefault();
  preview.hidden = true;
  const file = input("students-file").files?.[0];
  const sent = file ? { file } : { json: { csv: input("students-text").value } };
  const shown = await sendStudents("dry_run=1", sent);
  if (!shown) return;
  say("students-message", "");
  const head = `${shown.imported} siswa di ${shown.classes} kelas. Belum disimpan.`;
  const rows = shown.first.map((/** @type {{name: string, class: string}} */ one) => [one.name, one.class]);
  preview.show({ head, titles: ["Nama", "Kelas"], rows, total: shown.imported, ...shown }, [
    { label: "Ganti daftar", act: () => void keepStudents("replace", sent) },
    { label: "Tambahkan ke daftar", act: () => void keepStudents("add", sent) },
  ]);
}

/**
 * @param {string} mode
 * @param {{file: File} | {json: unknown}} sent
 */
async function keepStudents(mode, sent) {
  const kept = await sendStudents(`mode=${mode}`, sent);
  if (!kept) return;
  preview.hidden = true;
  const left = kept.skipped_count ? ` ${kept.skipped_count} baris dilewati.` : "";
  say("students-message", `${kept.imported} siswa dibaca, ${kept.count} di daftar.${left}`, "calm");
  /** @type {HTMLFormElement} */ (element("students-form")).reset();
}

/**
 * @param {string} query
 * @param {{file: File} | {json: unknown}} sent
 * @returns {Promise<any>} the answer, null when it was refused
 */
async function sendStudents(query, sent) {
  const options = { ...sent, deadlineMs: LIST_DEADLINE_MS };
  const answer = await ask(`${address}/students?${query}`, options).catch(() => null);
  if (answer?.ok) return answer.body;
  say("students-message", answer?.body.message ?? UNREACHABLE);
  return null;
}

async function openToAll() {
  if (!confirm("Hapus daftar siswa? Siapa pun yang memegang tautan dapat mengisi.")) return;
  const answer = await ask(`${address}/students`, { method: "DELETE" }).catch(() => null);
  if (answer?.ok) say("students-message", "Terbuka untuk semua.", "calm");
  else say("students-message", answer?.body.message ?? UNREACHABLE);
}

async function toggle() {
  const active = input("active");
  const json = { is_active: active.checked };
  const answer = await ask(address, { method: "PATCH", json }).catch(() => null);
  if (answer?.ok) return;
  active.checked = !active.checked;
  say("form-message", answer?.body.message ?? UNREACHABLE);
}

function fillSettings() {
  const { title, starts, ends, zone, rotating } = page.dataset;
  input("title").value = title ?? "";
  input("starts").value = (starts ?? "").slice(0, 16);
  input("ends").value = (ends ?? "").slice(0, 16);
  input("rotating").checked = Boolean(rotating);
  chooseZone(zone ?? "Asia/Jakarta");
}

/** @param {SubmitEvent} event */
async function save(event) {
  event.preventDefault();
  const wish = readMeeting();
  if (typeof wish === "string") {
    say("form-message", wish);
    return;
  }
  const json = { ...wish, per_address: input("per-address").valueAsNumber };
  const answer = await ask(address, { method: "PATCH", json }).catch(() => null);
  if (answer?.ok) location.reload();
  else say("form-message", answer?.body.message ?? UNREACHABLE);
}

async function remove() {
  if (!confirm("Hapus pertemuan ini? Tautannya tidak berlaku lagi.")) return;
  const answer = await ask(address, { method: "DELETE" }).catch(() => null);
  if (answer?.ok) location.assign("/admin/meetings");
  else say("form-message", answer?.body.message ?? UNREACHABLE);
}

/** @param {{title: string, is_active: boolean}} changed */
function renamed({ title, is_active }) {
  write("heading", title);
  input("active").checked = is_active;
}

// ----------------------------------------------------------------------------------------------

/**
 * @param {string} path
 * @param {Parameters<typeof ask>[1]} options
 * @returns {Promise<boolean>} whether it was done
 */
async function act(path, options) {
  const answer = await ask(path, options).catch(() => null);
  say("rows-message", answer?.ok ? "" : (answer?.body.message ?? UNREACHABLE));
  return answer?.ok ?? false;
}

/** @param {...(string | HTMLElement)} children */
function cell(...children) {
  const made = document.createElement("td");
  made.append(...children);
  return made;
}

/**
 * @param {string} tag
 * @param {string} className
 * @param {string} text
 */
function line(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

/**
 * @param {string} id
 * @param {HTMLElement[]} children
 */
function replace(id, children) {
  element(id).replaceChildren(...children);
}

/**
 * @param {string} id
 * @param {string} text
 */
function write(id, text) {
  const box = element(id);
  if (box.textContent !== text) box.textContent = text;
}

/**
 * @param {string} id
 * @param {string} text
 * @param {"alarm" | "calm"} [tone]
 */
function say(id, text, tone = "alarm") {
  element(id).dataset.tone = tone;
  write(id, text);
}

/** @param {string} id */
function input(id) {
  return /** @type {HTMLInputElement} */ (document.getElementById(id));
}

/** @param {string} id */
function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}
