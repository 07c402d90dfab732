// @ts-check
/** What both tables of the payments' page are made of, and asking so that a refusal is said. */

import { reply } from "../lib/ask.js";
import { make, say } from "../lib/dom.js";
import { whyNot } from "../lib/words.js";

/**
 * @param {string} path
 * @param {unknown} [json]
 * @param {string} [method]
 * @returns {Promise<import("../lib/ask.js").Answer["body"]>} null when it failed, which was said
 */
export async function answered(path, json, method) {
  const answer = await reply(path, { json, method });
  say("inbox_message", answer?.ok ? "" : whyNot(answer));
  return answer?.ok ? answer.body : null;
}

/** @param {string[]} texts */
export function tableRow(texts) {
  return make("tr", {}, ...texts.map((text) => make("td", {}, text)));
}

/** @param {string} text */
export function emptyRow(text) {
  return make("tr", {}, make("td", { colspan: "6", class: "hint" }, text));
}
