// @ts-check
/** A meeting's settings, its link, and its end. */

import { reply } from "../lib/ask.js";
import { byId, field, say, write } from "../lib/dom.js";
import { whyNot } from "../lib/words.js";
import { chooseZone, readMeeting } from "./meeting_form.js";
import { address, page } from "./meeting_page.js";

export function begin() {
  byId("copy").addEventListener("click", () => void copyLink());
  field("active").addEventListener("change", () => void toggle());
  byId("form").addEventListener("submit", (event) => void save(event));
  byId("delete").addEventListener("click", () => void remove());
  fillSettings();
}

async function copyLink() {
  const text = byId("link").textContent ?? "";
  try {
    await navigator.clipboard.writeText(text);
    write("copy", "Tersalin");
  } catch {
    // Plain http has no clipboard: the text is selected, one keystroke is left.
    getSelection()?.selectAllChildren(byId("link"));
    write("copy", "Tekan Ctrl+C");
  }
}

async function toggle() {
  const active = field("active");
  const json = { is_active: active.checked };
  const answer = await reply(address, { method: "PATCH", json });
  if (answer?.ok) return;
  active.checked = !active.checked;
  say("form-message", whyNot(answer));
}

function fillSettings() {
  const { title, starts, ends, zone, rotating } = page.dataset;
  field("title").value = title ?? "";
  field("starts").value = (starts ?? "").slice(0, 16);
  field("ends").value = (ends ?? "").slice(0, 16);
  field("rotating").checked = Boolean(rotating);
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
  const json = { ...wish, per_address: field("per-address").valueAsNumber };
  const answer = await reply(address, { method: "PATCH", json });
  if (answer?.ok) location.reload();
  else say("form-message", whyNot(answer));
}

async function remove() {
  if (!confirm("Hapus pertemuan ini? Tautannya tidak berlaku lagi.")) return;
  const answer = await reply(address, { method: "DELETE" });
  if (answer?.ok) location.assign("/admin/meetings");
  else say("form-message", whyNot(answer));
}

/** @param {{title: string, is_active: boolean}} changed */
export function renamed({ title, is_active }) {
  write("heading", title);
  field("active").checked = is_active;
}
