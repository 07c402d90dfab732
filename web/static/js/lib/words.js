// @ts-check
/** What every page says when something was not done. */

import { inWords } from "./clock.js";

/** @typedef {import("./ask.js").Answer} Answer */

export const UNREACHABLE = "Server tidak terjangkau. Coba lagi sebentar.";

/** Where it is likely the visitor's own line: the way into the hotspot. */
export const CUT_OFF = "Server tidak terjangkau. Periksa sambungan Anda, lalu coba lagi.";

/**
 * Why something was not done, as the server says it.
 *
 * @param {Answer | null} answer null when nobody answered
 * @param {string} [otherwise] where the server said nothing
 * @returns {string}
 */
export function whyNot(answer, otherwise = UNREACHABLE) {
  return answer?.body.message ?? otherwise;
}

/**
 * The same, with how long to wait where there were too many tries.
 *
 * @param {Answer | null} answer
 * @param {string} [otherwise]
 * @returns {string}
 */
export function whyNotNow(answer, otherwise = UNREACHABLE) {
  if (answer?.status !== 429 || !answer.retryAfter) return whyNot(answer, otherwise);
  return `Terlalu banyak percobaan. Coba lagi dalam ${inWords(answer.retryAfter)}.`;
}
