// @ts-check
/** The projected board: rows as pupils fill in, the code to scan, who is missing, what was refused. */

import { BoardLink } from "./board_link.js";
import { FLAG_WORDS, LINE_STATES, MeetingDay, REFUSAL_WORDS, STATUS_WORDS, clockOf } from "./meeting_day.js";
import { byId, line, replace, write } from "../lib/dom.js";

/** Rows and refusals in view; the list page has them all. */
const MOST_ROWS = 60;
const MOST_REFUSED = 12;

const board = /** @type {HTMLElement} */ (document.getElementById("board"));
const picture = /** @type {HTMLImageElement} */ (document.getElementById("code-image"));
const day = new MeetingDay();
const rotating = board.dataset.rotating === "1";
/** @type {Set<string>} */ let fresh = new Set();
let codeEndsAt = 0;
let drawing = 0;

const link = new BoardLink({
  meeting: board.dataset.meeting ?? "",
  onList: (snapshot) => {
    day.load(snapshot);
    draw();
  },
  onChanges: (changes) => {
    if (day.isOver(changes)) {
      void link.load();
      return;
    }
    fresh = new Set(day.apply(changes).map((row) => row.id));
    // A burst of messages is drawn once, at the screen's own pace.
    drawing ||= requestAnimationFrame(draw);
  },
  onMeeting: (meeting) => (meeting.deleted || meeting.rotating !== rotating ? location.reload() : rename(meeting)),
  onCode: showCode,
  onState: showState,
});
link.open();
if (rotating) setInterval(countDown, 250);

function draw() {
  drawing = 0;
  const { counts, listed, missing, refused } = day;
  const there = counts.HADIR + counts.TERLAMBAT;
  write("count", String(there));
  write("count-of", listed ? `dari ${listed}` : there === 1 ? "siswa hadir" : "siswa hadir");
  write("count-late", String(counts.TERLAMBAT));
  write("count-leave", String(counts.IZIN));
  write("count-absent", String(counts.TIDAK_HADIR));
  replace("rows", day.rows.slice(0, MOST_ROWS).map(rowPicture));
  byId("rows-empty").hidden = counts.total > 0;
  byId("missing-panel").hidden = missing.length === 0;
  write("missing-count", String(missing.length));
  replace("missing", missing.map(({ name, class: of }) => line("li", "", `${name} · ${of}`)));
  byId("refused-panel").hidden = refused.length === 0;
  write("refused-count", String(refused.length));
  replace("refused", refused.slice(0, MOST_REFUSED).map(refusalPicture));
}

/** @param {import("./meeting_day.js").Row} row */
function rowPicture(row) {
  const item = line("li", `row is-${row.status.toLowerCase()}`, "");
  if (fresh.has(row.id)) item.classList.add("is-new");
  const who = line("span", "row-who", row.student_name);
  const status = row.status === "HADIR" ? "" : (STATUS_WORDS[row.status] ?? row.status);
  item.append(
    line("span", "row-at", clockOf(row.recorded_at)),
    who,
    line("span", "row-class", row.class),
    line("span", "row-status", status),
  );
  return item;
}

/** @param {import("./meeting_day.js").Refusal} refusal */
function refusalPicture(refusal) {
  const item = line("li", "refusal", "");
  const why = REFUSAL_WORDS[refusal.type] ?? refusal.type;
  const by = refusal.winner ? ` oleh ${refusal.winner}` : "";
  const flags = refusal.flags.map((flag) => FLAG_WORDS[flag] ?? flag).join(", ");
  item.append(
    line("span", "row-at", clockOf(refusal.at)),
    line("span", "row-who", `${refusal.name} (${refusal.class})`),
    line("span", "refusal-why", `${why}${by} · perangkat ${refusal.device}${flags ? ` · ${flags}` : ""}`),
  );
  return item;
}

// The code -------------------------------------------------------------------------------------

/** @param {{code: string, url: string, image: string, valid_seconds: number}} code */
function showCode(code) {
  if (!code.code) {
    blankCode();
    return;
  }
  picture.src = code.image;
  picture.hidden = false;
  codeEndsAt = performance.now() + code.valid_seconds * 1000;
  countDown();
}

/** Without the line the code would be an old one, or shown by nobody's authority. */
function blankCode() {
  if (!rotating) return;
  picture.hidden = true;
  picture.removeAttribute("src");
  codeEndsAt = 0;
}

function countDown() {
  const left = Math.max(0, codeEndsAt - performance.now()) / 1000;
  write("code-left", left > 0 ? `Kode baru dalam ${Math.ceil(left)} detik` : "Menunggu kode…");
  if (codeEndsAt && left === 0 && board.dataset.state !== "live") blankCode();
}

/** @param {string} state */
function showState(state) {
  board.dataset.state = state;
  byId("line-state").dataset.state = state;
  write("line-text", LINE_STATES[state] ?? state);
  if (state === "stopped") blankCode();
}

/** @param {{title: string}} meeting */
function rename({ title }) {
  write("title", title);
}
