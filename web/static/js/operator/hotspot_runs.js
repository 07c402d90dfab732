// @ts-check
/** Runs of the engine, watched until those that were asked for have ended. */

import { reply } from "../lib/ask.js";

/** @typedef {import("./hotspot_run_words.js").Run} Run */

const ADDRESS = "/api/admin/hotspot/runs?limit=50";
const LOOK_MS = 400;

/** @returns {Promise<Run[] | null>} the newest first, null while the server is away */
export async function newestRuns() {
  const answer = await reply(ADDRESS);
  return answer?.ok ? answer.body.runs : null;
}

/**
 * Looks until every router has had a new run, or for so long. A run that gave way is no end: another
 * goes on where it stopped.
 *
 * @param {object} watch
 * @param {Set<string>} watch.before ids of the runs that were there before
 * @param {string} watch.only the member they are for, "" for everybody
 * @param {number} watch.routers how many are to come
 * @param {number} watch.forMs
 * @param {AbortSignal} watch.signal ends it
 * @param {(run: Run) => void} watch.ended is told of each once
 * @returns {Promise<boolean>} whether all came
 */
export async function watchRuns({ before, only, routers, forMs, signal, ended }) {
  const until = performance.now() + forMs;
  /** @type {Set<string>} */
  const seen = new Set();
  while (!signal.aborted && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    for (const run of (await newestRuns()) ?? []) {
      if (before.has(run.id) || run.only !== only || seen.has(run.router)) continue;
      if (run.state === "yielded") continue;
      seen.add(run.router);
      ended(run);
    }
    if (seen.size >= routers) return true;
  }
  return false;
}
