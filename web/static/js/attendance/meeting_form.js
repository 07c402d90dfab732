// @ts-check
/** The fields of a meeting, shared by the form of a new one and by its settings. */

import { withZone } from "./meeting_day.js";

const HOUR_MS = 3_600_000;

/** @param {string} id */
function field(id) {
  return /** @type {HTMLInputElement} */ (document.getElementById(id));
}

/** A zone that is not among the three is offered as a fourth. @param {string} zone */
export function chooseZone(zone) {
  const select = /** @type {HTMLSelectElement} */ (document.getElementById("zone"));
  if (![...select.options].some((option) => option.value === zone)) select.add(new Option(zone, zone));
  select.value = zone;
}

/** From now for two hours, in whole minutes of this computer's clock. */
export function proposeTimes() {
  const now = new Date(Math.floor(Date.now() / 60_000) * 60_000);
  field("starts").value = typed(now);
  field("ends").value = typed(new Date(now.getTime() + 2 * HOUR_MS));
}

/** @param {Date} moment */
function typed(moment) {
  const local = new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}

/**
 * What the form says, as the API takes it.
 *
 * @returns {Record<string, unknown> | string} the wish, or what is missing
 */
export function readMeeting() {
  const zone = field("zone").value;
  const [starts, ends] = [field("starts").value, field("ends").value];
  if (!starts || !ends) return "Isi waktu mulai dan selesai.";
  return {
    title: field("title").value,
    starts_at: withZone(starts.slice(0, 16), zone),
    ends_at: withZone(ends.slice(0, 16), zone),
    timezone: zone,
    rotating: field("rotating").checked,
  };
}
