// @ts-check
/**
 * What is said about a session: frames of the server, and messages of one tab to the others:
 * their types, and how a frame is read.
 *
 * @typedef {object} Frame
 * @property {string} event
 * @property {string} [reason] in words, or the clock that runs out
 * @property {string} [code] short reason of a logout
 * @property {string} [kick_id] of a logout
 * @property {boolean} [same_browser] the same browser has logged in again
 * @property {number} [in] seconds left
 * @property {string} [attempt_id]
 * @property {string} [device_name]
 * @property {string} [ip]
 * @property {string} [status] of a QR login that was let in here
 *
 * @typedef {object} Clocks unix seconds, null for a clock the session lacks
 * @property {number | null} [idle_expires_at]
 * @property {number | null} [absolute_expires_at]
 * @property {number | null} [remember_expires_at]
 * @property {number} [server_now]
 *
 * @typedef {{id: string, title: string, since: number, visible: boolean, leads: boolean}} Tab
 * @typedef {{attempt_id: string, device_name: string, ip: string, endsAtMs: number}} Attempt
 *
 * @typedef {{kind: "hello"} | {kind: "hotspot"} | {kind: "role"} | {kind: "roll-call"}
 *   | {kind: "beat", state: string, transport: string}
 *   | {kind: "leave", reason: string, kick: string, sid: string}
 *   | {kind: "renewed", was: string, sid: string}
 *   | {kind: "ending", reason: string, endsAtMs: number}
 *   | {kind: "attempt", attempt: Attempt} | {kind: "attempt-over", id: string}
 *   | {kind: "input", at: number} | {kind: "pinged", at: number}
 *   | {kind: "here", tab: Tab} | {kind: "gone", id: string}} Message
 */

/**
 * @param {string} text
 * @param {string} [event]
 * @returns {Frame | null} null for what is no frame of ours
 */
export function asFrame(text, event) {
  let frame;
  try {
    frame = JSON.parse(text || "{}");
  } catch {
    return null;
  }
  if (typeof frame !== "object" || frame === null) return null;
  if (event) frame.event = event;
  return typeof frame.event === "string" ? frame : null;
}
