// @ts-check
/** Which meeting a page is about, and asking the server something that concerns its rows. */

import { reply } from "../lib/ask.js";
import { byId, say } from "../lib/dom.js";
import { whyNot } from "../lib/words.js";

export const page = byId("meeting");

export const { meeting = "" } = page.dataset;

export const address = `/api/admin/meetings/${meeting}`;

/**
 * @param {string} path
 * @param {Parameters<typeof reply>[1]} options
 * @returns {Promise<boolean>} whether it was done
 */
export async function act(path, options) {
  const answer = await reply(path, options);
  say("rows-message", answer?.ok ? "" : whyNot(answer));
  return answer?.ok ?? false;
}
