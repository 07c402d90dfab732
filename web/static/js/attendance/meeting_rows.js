// @ts-check
/** The rows of a meeting's page: who came, who is missing, what was refused. */

import { button, line, make } from "../lib/dom.js";
import { FLAG_WORDS, REFUSAL_WORDS, STATUSES, STATUS_WORDS, clockOf } from "./meeting_day.js";
import { act } from "./meeting_page.js";

/** @typedef {import("./meeting_day.js").Row} Row */
/** @typedef {import("./meeting_day.js").Person} Person */

/**
 * @typedef {object} Acts
 * @property {() => void} onPick another one was ticked
 * @property {(person: Person) => unknown} onName a name was pressed
 * @property {() => void} onChanged a row is another now
 */

/**
 * @param {Row} row
 * @param {number} number on the list
 * @param {Set<string>} picked students, changed as boxes are ticked
 * @param {Acts} acts
 */
export function rowPicture(row, number, picked, acts) {
  const pick = make("input", { type: "checkbox", "aria-label": `Pilih ${row.student_name}` });
  pick.checked = picked.has(row.student_id);
  pick.addEventListener("change", () => {
    if (pick.checked) picked.add(row.student_id);
    else picked.delete(row.student_id);
    acts.onPick();
  });
  const name = nameButton({ id: row.student_id, name: row.student_name, class: row.class }, acts);
  const note = line("span", "row-note", row.reason);
  const source = row.source === "manual" ? "dicatat guru" : row.device;
  const flags = row.flags.map((flag) => line("span", "flag", FLAG_WORDS[flag] ?? flag));
  return make(
    "tr",
    {},
    cell(pick),
    cell(String(number)),
    cell(name),
    cell(row.class),
    cell(statusChoice(row, acts)),
    cell(clockOf(row.recorded_at)),
    cell(note, ...flags, line("span", "row-note", row.reason || flags.length ? ` ${source}` : source)),
    cell(revokeButton(row, acts)),
  );
}

/**
 * @param {Person} person
 * @param {Acts} acts
 */
export function missingPicture(person, acts) {
  return make("li", {}, nameButton(person, acts), ` · ${person.class}`);
}

/**
 * @param {Person} person
 * @param {Acts} acts
 */
function nameButton(person, { onName }) {
  const title = "Lihat riwayat, betulkan nama";
  return button(person.name, () => onName(person), { class: "row-name", title });
}

/**
 * @param {Row} row
 * @param {Acts} acts
 */
function statusChoice(row, { onChanged }) {
  const choice = make("select", { class: "row-change", "aria-label": `Status ${row.student_name}` });
  choice.append(...STATUSES.map((status) => new Option(STATUS_WORDS[status], status)));
  choice.value = row.status;
  choice.addEventListener("change", async () => {
    const json = { status: choice.value };
    await act(`/api/admin/attendance/${row.id}`, { method: "PATCH", json });
    onChanged();
  });
  return choice;
}

/**
 * @param {Row} row
 * @param {Acts} acts
 */
function revokeButton(row, { onChanged }) {
  const revoke = async () => {
    const question = `Batalkan absensi ${row.student_name}? Siswa dan perangkatnya dapat mengisi lagi.`;
    if (!confirm(question)) return;
    await act(`/api/admin/attendance/${row.id}`, { method: "DELETE" });
    onChanged();
  };
  return button("Batalkan", revoke, { class: "button quiet" });
}

/** @param {import("./meeting_day.js").Refusal} refusal */
export function refusalPicture(refusal) {
  const why = REFUSAL_WORDS[refusal.type] ?? refusal.type;
  const by = refusal.winner ? ` oleh ${refusal.winner}` : "";
  const note = line("span", "refusal-why", `${why}${by} · perangkat ${refusal.device} `);
  note.append(...refusal.flags.map((flag) => line("span", "flag", FLAG_WORDS[flag] ?? flag)));
  return make(
    "li",
    {},
    line("span", "row-at", clockOf(refusal.at)),
    line("span", "row-who", `${refusal.name} (${refusal.class})`),
    note,
  );
}

/** @param {...(string | HTMLElement)} children */
function cell(...children) {
  return make("td", {}, ...children);
}
