// @ts-check
/**
 * The button for another code: counts down until one may be asked for, and hears when the code
 * could not be sent at all, so that the wait is over at once.
 */

import { reply } from "../lib/ask.js";
import { asCountdown } from "../lib/clock.js";

const SECOND_MS = 1_000;

/** How often, and how many times, a page asks whether its code could be sent at all: half as long
 * again as a gateway may take. */
const SENDING_MS = 3_000;
const SENDING_TRIES = 5;

/**
 * @typedef {object} ResendOptions
 * @property {HTMLButtonElement} button
 * @property {() => boolean} isAwaited whether the page still waits for the code
 * @property {(why: string) => void} onFailed the code was not sent; another may be asked for
 */

export class HotspotResend {
  /** @type {ResendOptions} */ #options;
  #at = 0;
  #isHeld = false;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #countdown;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #sending;

  /** @param {ResendOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /** @param {number} at unix seconds from when another code may be asked for */
  await(at) {
    this.#at = at;
    clearInterval(this.#countdown);
    this.#countdown = setInterval(() => this.#tick(), SECOND_MS);
    this.#tick();
  }

  /** @param {boolean} isHeld whether another request is on its way */
  hold(isHeld) {
    this.#isHeld = isHeld;
    this.#tick();
  }

  /**
   * The gateway may refuse a code after the page has its answer.
   *
   * @param {string} ticket empty when an earlier code is still the one
   */
  watch(ticket) {
    clearInterval(this.#sending);
    if (!ticket) return;
    let tries = SENDING_TRIES;
    this.#sending = setInterval(async () => {
      if (--tries <= 0 || !this.#options.isAwaited()) clearInterval(this.#sending);
      const answer = await reply(`/api/auth/otp/${ticket}`);
      if (answer?.body.state !== "failed" || !this.#options.isAwaited()) return;
      clearInterval(this.#sending);
      this.#at = 0;
      this.#tick();
      this.#options.onFailed(answer.body.message);
    }, SENDING_MS);
  }

  stop() {
    clearInterval(this.#countdown);
    clearInterval(this.#sending);
  }

  #tick() {
    const { button } = this.#options;
    const left = this.#at - Date.now() / 1000;
    button.disabled = left > 0 || this.#isHeld;
    button.textContent = left > 0 ? `Kirim ulang dalam ${asCountdown(left)}` : "Kirim ulang kode";
    if (left <= 0) clearInterval(this.#countdown);
  }
}
