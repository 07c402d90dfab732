// @ts-check
/** One student in a dialog: where they were before, and the right spelling of the name. */

import { reply } from "../lib/ask.js";
import { byId, field, line, make, replace, say, write } from "../lib/dom.js";
import { whyNot } from "../lib/words.js";
import { STATUS_WORDS } from "./meeting_day.js";

/** @typedef {import("./meeting_day.js").Person} Person */

/** A calendar day, which is read as the midnight of UTC. */
const DATE = new Intl.DateTimeFormat("id-ID", { dateStyle: "medium", timeZone: "UTC" });

const dialog = byId("history", HTMLDialogElement);
/** @type {Person | null} */ let inDialog = null;

/** @param {() => void} onRenamed the rows have another name now */
export function begin(onRenamed) {
  byId("rename").addEventListener("submit", (event) => void rename(event, onRenamed));
}

/** @param {Person} person */
export async function showStudent(person) {
  inDialog = person;
  write("history-title", `${person.name} (${person.class})`);
  write("history-message", "Memuat…");
  replace("history-rows", []);
  field("rename-name").value = person.name;
  field("rename-class").value = person.class;
  say("rename-message", "");
  dialog.showModal();
  const answer = await reply(`/api/admin/students/${person.id}/attendance`);
  if (answer?.status === 404) {
    write("history-message", "Belum ada kehadiran tercatat.");
    return;
  }
  if (!answer?.ok) {
    write("history-message", whyNot(answer));
    return;
  }
  write("history-message", `${answer.body.count} kehadiran tercatat.`);
  replace("history-rows", answer.body.attendances.map(historyPicture));
}

/** @param {{day: string, title: string, status: string, reason: string}} past */
function historyPicture({ day, title, status, reason }) {
  const word = STATUS_WORDS[status] ?? status;
  return make(
    "li",
    {},
    line("span", "row-at", DATE.format(new Date(day))),
    line("span", "row-who", title),
    line("span", "refusal-why", reason ? `${word}: ${reason}` : word),
  );
}

/**
 * The right spelling; what was recorded moves along.
 *
 * @param {SubmitEvent} event
 * @param {() => void} onRenamed
 */
async function rename(event, onRenamed) {
  event.preventDefault();
  const json = { name: field("rename-name").value, class: field("rename-class").value };
  const path = `/api/admin/students/${inDialog?.id}`;
  const answer = await reply(path, { method: "PATCH", json });
  if (!answer?.ok) {
    say("rename-message", whyNot(answer));
    return;
  }
  dialog.close();
  onRenamed();
}
