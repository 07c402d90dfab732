// @ts-check
/**
 * What a member is told while the session goes on, in all tabs alike: that it will end soon, and
 * that somebody wants its place.
 */

import { ExpiryBanner } from "./expiry_banner.js";
import { LoginAttempt } from "./login_attempt.js";

/** @typedef {import("./messages.js").Message} Message */

export class SessionNotices {
  #say;
  #onIdleEnd;
  #banner;
  #attempt = new LoginAttempt();

  /**
   * @param {object} options
   * @param {(message: Message) => void} options.say to the other tabs
   * @param {() => Promise<boolean>} options.onStay the member wants to stay
   * @param {() => void} options.onIdleEnd the end is near that a hand on the keyboard puts off
   */
  constructor({ say, onStay, onIdleEnd }) {
    this.#say = say;
    this.#onIdleEnd = onIdleEnd;
    this.#banner = new ExpiryBanner({ onStay });
  }

  /** @param {import("./messages.js").Frame} frame of the server; `in` are the seconds left */
  receive({ event, in: seconds, reason = "", attempt_id = "", device_name = "", ip = "" }) {
    const endsAtMs = Date.now() + Number(seconds) * 1000;
    const attempt = { attempt_id, device_name, ip, endsAtMs };
    if (event === "session_expiring") this.#tell({ kind: "ending", reason, endsAtMs });
    if (event === "login_attempt") this.#tell({ kind: "attempt", attempt });
    if (event === "login_attempt_over") this.#tell({ kind: "attempt-over", id: attempt_id });
  }

  /** @param {Message} message of another tab */
  hear(message) {
    if (message.kind === "ending") this.#showEnd(message.reason, message.endsAtMs);
    if (message.kind === "attempt") this.#attempt.show(message.attempt);
    if (message.kind === "attempt-over") this.#attempt.hide(message.id);
    if (message.kind === "pinged") this.thank();
  }

  /** The session goes on. */
  thank() {
    this.#banner.thank();
  }

  hide() {
    this.#banner.hide();
    this.#attempt.hide();
  }

  /** @param {Message} message for all tabs, this one as well */
  #tell(message) {
    this.#say(message);
    this.hear(message);
  }

  /**
   * @param {string} reason
   * @param {number} endsAtMs
   */
  #showEnd(reason, endsAtMs) {
    this.#banner.show(reason, endsAtMs);
    if (reason === "idle") this.#onIdleEnd();
  }
}
