// @ts-check
/**
 * Waiting for an operator's approval: tells the moment a newcomer is let in, or is out.
 *
 * A stream of the portal says that something has changed; what it is, is asked. It is read with
 * `fetch`, because a mini-browser without cookies has only its bearer to show, and an `EventSource`
 * shows none. Every sign of life is a reason to look, the server's beat too, so that nothing that
 * was missed stays missed.
 */

import { reply } from "../lib/ask.js";

const STREAM = "/api/hotspot/stream";
const MINE = "/api/hotspot";

/** Between two tries to be told; the first look after it makes up for what was missed. */
const RETRY_MS = 3_000;

export class Approval {
  #bearer;
  #decided;
  #over = new AbortController();
  #looking = false;

  /**
   * @param {string} bearer of the newcomer's session, "" where the browser has its cookie
   * @param {(approved: boolean) => void} decided true: let in; false: the session is over
   */
  constructor(bearer, decided) {
    this.#bearer = bearer;
    this.#decided = decided;
  }

  /** Follows until it is decided, or `stop`. */
  async follow() {
    const { signal } = this.#over;
    while (!signal.aborted) {
      await this.#listen().catch(() => undefined);
      await this.#look();
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  stop() {
    this.#over.abort();
  }

  async #listen() {
    const answer = await fetch(STREAM, {
      cache: "no-store",
      headers: this.#bearer ? { Authorization: `Bearer ${this.#bearer}` } : {},
      signal: this.#over.signal,
    });
    const reader = answer.ok ? answer.body?.getReader() : undefined;
    while (reader && !(await reader.read()).done) void this.#look();
  }

  async #look() {
    if (this.#looking || this.#over.signal.aborted) return;
    this.#looking = true;
    const answer = await reply(MINE, { bearer: this.#bearer });
    this.#looking = false;
    if (answer?.ok && answer.body.approved) this.#decide(true);
    else if (answer?.status === 401 || answer?.status === 419) this.#decide(false);
  }

  /** @param {boolean} approved */
  #decide(approved) {
    if (this.#over.signal.aborted) return;
    this.stop();
    this.#decided(approved);
  }
}
