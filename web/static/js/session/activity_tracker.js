// @ts-check
/**
 * Tells the server that somebody is there: a ping at most every few minutes, and only if a hand
 * moved since the last. One tab of the browser pings for all; the others tell it what they saw.
 */

import { ask } from "../lib/ask.js";

const ADDRESS = "/api/update-activity";

/** What counts as somebody being there. */
const INPUTS = ["mousemove", "keydown", "keypress", "scroll", "click", "touchstart"];

/** Signs nobody gives by brushing the table: enough to stay while the end is being announced. */
const DELIBERATE = new Set(["keydown", "click", "touchstart"]);

/** Other tabs hear of input at most this often; the ping is minutes apart anyway. */
const TELL_EVERY_MS = 5_000;

/** The server takes no older sign of life than this. */
const OLDEST_SIGN_MS = 600_000;

/** A ping that found no server is repeated after this. */
const RETRY_MS = 30_000;

/** HTTP answers that mean the session has ended. */
const ENDED = new Set([401, 419]);

/**
 * @typedef {object} TrackerOptions
 * @property {number} pingSeconds shortest time between two pings
 * @property {() => boolean} leads whether this tab pings for the browser
 * @property {(message: import("./messages.js").Message) => void} say to the other tabs
 * @property {(answer: import("../lib/ask.js").Answer) => void} onEnded the server says it is over
 * @property {(clocks: import("./messages.js").Clocks) => void} onPinged the clocks as the server sees them now
 */

export class ActivityTracker {
  /** @type {TrackerOptions} */ #options;
  /** @type {AbortController | null} */ #listeners = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  /** @type {Promise<boolean> | null} */ #underway = null;
  #lastInputAt = 0;
  #lastToldAt = 0;
  #lastPingAt = 0;
  #ending = false;

  /** @param {TrackerOptions} options */
  constructor(options) {
    this.#options = options;
  }

  start() {
    this.#listeners = new AbortController();
    const { signal } = this.#listeners;
    for (const type of INPUTS) {
      addEventListener(type, (event) => this.#noticed(event), {
        signal,
        passive: true,
        capture: true,
      });
    }
    // Loading the page was a request, so the first ping is a full interval away.
    this.#lastPingAt = Date.now();
    this.#plan();
  }

  stop() {
    this.#listeners?.abort();
    this.#listeners = null;
    clearTimeout(this.#timer);
  }

  /** The end is being announced: the next deliberate input pings at once. */
  expectEnd() {
    this.#ending = true;
  }

  /** @param {import("./messages.js").Message} message from another tab */
  hear(message) {
    if (message.kind === "input") this.#lastInputAt = Math.max(this.#lastInputAt, message.at);
    if (message.kind === "pinged") this.#pinged(message.at);
  }

  /**
   * Pings now, whatever the interval; calls in the same moment share one request.
   *
   * @returns {Promise<boolean>} whether the session goes on
   */
  ping() {
    this.#underway ??= this.#ping().finally(() => (this.#underway = null));
    return this.#underway;
  }

  /** @param {Event} event */
  #noticed(event) {
    if (!event.isTrusted) return;
    const now = Date.now();
    this.#lastInputAt = now;
    if (this.#ending && DELIBERATE.has(event.type)) void this.ping();
    if (now - this.#lastToldAt < TELL_EVERY_MS) return;
    this.#lastToldAt = now;
    this.#options.say({ kind: "input", at: now });
  }

  #plan() {
    clearTimeout(this.#timer);
    if (!this.#listeners) return;
    const interval = this.#options.pingSeconds * 1000;
    const wait = Math.max(1_000, this.#lastPingAt + interval - Date.now());
    this.#timer = setTimeout(() => this.#due(), wait);
  }

  /** An interval is over: ping if somebody was there, else look again in an interval. */
  #due() {
    const somebody = this.#lastInputAt > this.#lastPingAt;
    if (somebody && this.#options.leads()) void this.ping();
    else this.#timer = setTimeout(() => this.#due(), this.#options.pingSeconds * 1000);
  }

  async #ping() {
    const age = Date.now() - (this.#lastInputAt || Date.now());
    const json = { active_ms_ago: Math.min(OLDEST_SIGN_MS, Math.max(0, age)) };
    let answer;
    try {
      answer = await ask(ADDRESS, { json });
    } catch {
      this.#tryAgain();
      return false;
    }
    if (ENDED.has(answer.status)) {
      this.#options.onEnded(answer);
      return false;
    }
    if (!answer.ok) {
      this.#tryAgain();
      return false;
    }
    this.#pinged(Date.now());
    this.#options.say({ kind: "pinged", at: this.#lastPingAt });
    this.#options.onPinged(answer.body);
    return true;
  }

  /** The server is away or busy; what was seen is still to be told. */
  #tryAgain() {
    clearTimeout(this.#timer);
    if (this.#listeners) this.#timer = setTimeout(() => this.#due(), RETRY_MS);
  }

  /** @param {number} at */
  #pinged(at) {
    this.#lastPingAt = Math.max(this.#lastPingAt, at);
    this.#ending = false;
    this.#plan();
  }
}
