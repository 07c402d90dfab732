// @ts-check
/** The list of a meeting's students: read from a file or a paste, shown as understood, then kept. */

import { reply } from "../lib/ask.js";
import { byId, field, say } from "../lib/dom.js";
import { whyNot } from "../lib/words.js";
import { address } from "./meeting_page.js";

/** A long list is read from a disk or pasted; it takes the server a moment. */
const LIST_DEADLINE_MS = 30_000;

/**
 * @typedef {object} Understood what the server read
 * @property {number} imported
 * @property {number} classes
 * @property {number} count on the list afterwards
 * @property {{name: string, class: string}[]} first
 * @property {number} skipped_count
 * @property {{line: number, reason: string}[]} skipped
 * @property {Record<string, string>} columns
 */

const form = byId("students-form", HTMLFormElement);
const preview = /** @type {import("../lib/list_preview.js").ListPreview} */ (byId("students-preview"));

export function begin() {
  form.addEventListener("submit", (event) => void checkStudents(event));
  form.addEventListener("input", () => (preview.hidden = true));
  byId("students-open").addEventListener("click", () => void openToAll());
}

/**
 * Shows the list as the server understood it; what is written is what was shown.
 *
 * @param {SubmitEvent} event
 */
async function checkStudents(event) {
  event.preventDefault();
  preview.hidden = true;
  const file = field("students-file").files?.[0];
  const sent = file ? { file } : { json: { csv: field("students-text").value } };
  const shown = await sendStudents("dry_run=1", sent);
  if (!shown) return;
  say("students-message", "");
  const head = `${shown.imported} siswa di ${shown.classes} kelas. Belum disimpan.`;
  const rows = shown.first.map((one) => [one.name, one.class]);
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
  form.reset();
}

/**
 * @param {string} query
 * @param {{file: File} | {json: unknown}} sent
 * @returns {Promise<Understood | null>} the answer, null when it was refused
 */
async function sendStudents(query, sent) {
  const options = { ...sent, deadlineMs: LIST_DEADLINE_MS };
  const answer = await reply(`${address}/students?${query}`, options);
  if (answer?.ok) return answer.body;
  say("students-message", whyNot(answer));
  return null;
}

async function openToAll() {
  if (!confirm("Hapus daftar siswa? Siapa pun yang memegang tautan dapat mengisi.")) return;
  const answer = await reply(`${address}/students`, { method: "DELETE" });
  if (answer?.ok) say("students-message", "Terbuka untuk semua.", "calm");
  else say("students-message", whyNot(answer));
}
