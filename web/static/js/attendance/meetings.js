// @ts-check
/** The list of meetings, and the form of a new one. */

import { reply } from "../lib/ask.js";
import { chooseZone, proposeTimes, readMeeting } from "./meeting_form.js";
import { byId, line, say } from "../lib/dom.js";
import { whyNot } from "../lib/words.js";

const ADDRESS = "/api/admin/meetings";
/** As many as one answer brings; fewer are the last. */
const PAGE = 200;

/**
 * @typedef {{id: string, title: string, state: string, is_active: boolean, students: number,
 *   today_count: number, starts_at: string, ends_at: string, timezone: string}} Meeting
 */

/** @type {Record<string, string>} */
const STATES = { open: "Berlangsung", upcoming: "Akan datang", ended: "Selesai", inactive: "Tidak aktif" };

const form = /** @type {HTMLFormElement} */ (byId("form"));
const opener = byId("new");
const more = byId("more");
const list = byId("meetings");

begin();

function begin() {
  opener.addEventListener("click", () => openForm(form.hidden));
  byId("cancel").addEventListener("click", () => openForm(false));
  more.addEventListener("click", () => void load(more.dataset.before));
  form.addEventListener("submit", create);
  chooseZone(form.dataset.zone ?? "Asia/Jakarta");
  void load();
}

/** @param {boolean} open */
function openForm(open) {
  form.hidden = !open;
  opener.setAttribute("aria-expanded", String(open));
  if (!open) return;
  proposeTimes();
  byId("title").focus();
}

/** @param {SubmitEvent} event */
async function create(event) {
  event.preventDefault();
  const wish = readMeeting();
  if (typeof wish === "string") {
    say("form-message", wish);
    return;
  }
  const answer = await reply(ADDRESS, { json: wish });
  if (answer?.ok) location.assign(`/admin/meetings/${answer.body.meeting.id}`);
  else say("form-message", whyNot(answer));
}

/** @param {string} [before] unix milliseconds of the last start shown */
async function load(before) {
  const answer = await reply(before ? `${ADDRESS}?before=${before}` : ADDRESS);
  say("list-message", answer?.ok ? "" : whyNot(answer));
  if (!answer?.ok) return;
  /** @type {Meeting[]} */
  const meetings = answer.body.meetings;
  if (!before) list.replaceChildren();
  list.append(...meetings.map(picture));
  byId("empty").hidden = list.childElementCount > 0;
  more.hidden = meetings.length < PAGE;
  more.dataset.before = String(Date.parse(meetings.at(-1)?.starts_at ?? ""));
}

/** @param {Meeting} meeting */
function picture(meeting) {
  const item = line("li", "meeting-item", "");
  const count = line("p", "meeting-count", "");
  const of = meeting.students ? `dari ${meeting.students}` : "hari ini";
  count.append(line("b", "", String(meeting.today_count)), line("small", "", of));
  const what = line("div", "", "");
  const title = line("p", "meeting-title", meeting.title);
  title.append(line("span", `state is-${meeting.state}`, STATES[meeting.state] ?? meeting.state));
  what.append(title, line("p", "meeting-when", when(meeting)));
  const actions = line("p", "meeting-actions", "");
  actions.append(
    link("button primary", "Papan", `/board/${meeting.id}`),
    link("button", "Kelola", `/admin/meetings/${meeting.id}`),
    toggle(meeting),
  );
  item.append(count, what, actions);
  return item;
}

/** @param {Meeting} meeting */
function toggle(meeting) {
  const button = /** @type {HTMLButtonElement} */ (line("button", "button quiet", ""));
  button.type = "button";
  button.textContent = meeting.is_active ? "Nonaktifkan" : "Aktifkan";
  button.hidden = meeting.state === "ended";
  button.addEventListener("click", async () => {
    button.disabled = true;
    const json = { is_active: !meeting.is_active };
    const answer = await reply(`${ADDRESS}/${meeting.id}`, { method: "PATCH", json });
    if (answer?.ok) void load();
    else say("list-message", whyNot(answer));
    button.disabled = false;
  });
  return button;
}

/** @param {Meeting} meeting */
function when({ starts_at, ends_at, timezone }) {
  const day = new Intl.DateTimeFormat("id-ID", { dateStyle: "full", timeZone: timezone });
  const [first, last] = [day.format(Date.parse(starts_at)), day.format(Date.parse(ends_at))];
  const [from, to] = [hour(starts_at), hour(ends_at)];
  return first === last ? `${first}, ${from}–${to}` : `${first}, ${from} sampai ${last}, ${to}`;
}

/** @param {string} moment */
function hour(moment) {
  return moment.slice(11, 16).replace(":", ".");
}

/**
 * @param {string} className
 * @param {string} text
 * @param {string} href
 */
function link(className, text, href) {
  const made = /** @type {HTMLAnchorElement} */ (line("a", className, text));
  made.href = href;
  return made;
}

