// @ts-check
/** One meeting's page: its day, live; who was there, marked one by one or several at once. */

import { byId, field, replace, write } from "../lib/dom.js";
import { BoardLink } from "./board_link.js";
import { LINE_STATES, MeetingDay, STATUSES, folded } from "./meeting_day.js";
import { act, address, meeting } from "./meeting_page.js";
import { missingPicture, refusalPicture, rowPicture } from "./meeting_rows.js";
import * as settings from "./meeting_settings.js";
import * as student from "./meeting_student.js";
import * as students from "./meeting_students.js";

const search = field("search");
const statusFilter = field("status");
const dayField = field("day");
const model = new MeetingDay();
/** @type {Set<string>} */ const picked = new Set();
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
  onMeeting: (changed) => (changed.deleted ? location.assign("/admin/meetings") : settings.renamed(changed)),
  onState: (state) => {
    byId("line-state").dataset.state = state;
    write("line-text", LINE_STATES[state] ?? state);
  },
});

const acts = {
  onPick: showPicked,
  onName: student.showStudent,
  onChanged: () => void link.load(),
};

begin();

function begin() {
  for (const one of [search, statusFilter]) one.addEventListener("input", draw);
  dayField.addEventListener("change", () => void link.load());
  field("pick-all").addEventListener("change", pickAll);
  byId("bulk-go").addEventListener("click", () => void bulk());
  byId("by-hand").addEventListener("submit", (event) => void byHand(event));
  byId("absent-all").addEventListener("click", () => void absentAll());
  student.begin(acts.onChanged);
  students.begin();
  settings.begin();
  link.open();
}

function draw() {
  drawing = 0;
  const { counts, missing, refused, listed } = model;
  write("count-total", String(counts.total));
  for (const status of STATUSES) write(`count-${status}`, String(counts[status]));
  const rows = wanted();
  replace("rows", rows.map((row, index) => rowPicture(row, index + 1, picked, acts)));
  byId("rows-empty").hidden = rows.length > 0;
  byId("missing-panel").hidden = missing.length === 0;
  write("missing-count", String(missing.length));
  replace("missing", missing.map((person) => missingPicture(person, acts)));
  byId("refused-panel").hidden = refused.length === 0;
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

/** Files and paper follow the day in view. */
function aimFiles() {
  for (const id of ["to-excel", "to-csv", "to-xlsx", "to-print"]) {
    const anchor = /** @type {HTMLAnchorElement} */ (byId(id));
    const { flavour } = anchor.dataset;
    const asked = { ...(flavour && { flavour }), ...(dayField.value && { day: dayField.value }) };
    anchor.search = new URLSearchParams(asked).toString();
  }
}

// Several at once, and by hand -----------------------------------------------------------------

function pickAll() {
  const all = field("pick-all").checked;
  picked.clear();
  if (all) for (const row of wanted()) picked.add(row.student_id);
  draw();
}

function showPicked() {
  byId("bulk").hidden = picked.size === 0;
  write("bulk-count", `${picked.size} dipilih`);
}

async function bulk() {
  const rows = model.rows.filter((row) => picked.has(row.student_id));
  const students = rows.map((row) => ({ name: row.student_name, class: row.class }));
  if (await mark(students, field("bulk-status").value)) picked.clear();
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
