// @ts-check
/** Has every router look at one member now, and says what each of them came to. */

import { runWords } from "./hotspot_run_words.js";
import { newestRuns, watchRuns } from "./hotspot_runs.js";

/** A run for one member is cut off after eight seconds; it may wait for another's end before. */
const SYNC_MS = 30_000;

/**
 * @param {import("./desk.js").DeskElement} desk where it is said
 * @param {{member: string, address: string, routers: number, signal: AbortSignal}} wish
 */
export async function syncMember(desk, { member, address, routers, signal }) {
  desk.say("Router diminta menyesuaikan…");
  const before = new Set((await newestRuns())?.map(({ id }) => id));
  if (!(await desk.asked(`${address}/hotspot/sync`, { json: {} }))) return;
  /** @type {string[]} */
  const words = [];
  const ended = (/** @type {import("./hotspot_run_words.js").Run} */ run) => {
    words.push(`${run.router}: ${runWords(run)}`);
    desk.say(words.join(" · "));
  };
  const all = await watchRuns({ before, only: member, routers, forMs: SYNC_MS, signal, ended });
  if (signal.aborted || all || words.length) return;
  desk.say("Belum ada kabar dari router. Hasilnya akan muncul di Riwayat.", "alarm");
}
