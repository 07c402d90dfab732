// @ts-check
/**
 * How the tabs of a browser leave for the login page: all of them, each once, with the reason in the
 * address, and not across a tab's own logout form, whose answer must not be cut off.
 */

import { forget } from "./identity.js";

/** A logout form that was sent but led nowhere no longer excuses the tab from leaving. */
const LOGOUT_PATIENCE_MS = 5_000;

/** The reason to show where an answer names none, by its type. @type {Record<string, string>} */
const REASON_OF_TYPE = { SESSION_REPLACED: "replaced", ACCOUNT_BLOCKED: "blocked" };

/**
 * @typedef {object} ExitOptions
 * @property {() => string} sid the session that this tab is on
 * @property {(message: import("./messages.js").Message) => void} say to the other tabs
 * @property {(reason: string, kick: string) => void} onLeave just before this tab leaves
 */

export class SessionExit {
  /** @type {ExitOptions} */ #options;
  #loggingOutAt = 0;
  #taken = false;

  /** @param {ExitOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /** Whether this tab is on its way out. */
  get taken() {
    return this.#taken;
  }

  /** The page was brought back by the back button, and may have a session again. */
  reset() {
    this.#taken = false;
  }

  /** @param {SubmitEvent} event */
  noteLogout(event) {
    const form = /** @type {HTMLFormElement} */ (event.target);
    if (new URL(form.action).pathname === "/logout") this.#loggingOutAt = Date.now();
  }

  /** @param {import("../lib/ask.js").Answer} answer 401 or 419: the session has ended */
  ended({ body }) {
    this.all(body.reason ?? REASON_OF_TYPE[body.type] ?? "", body.kick_id ?? "");
  }

  /**
   * @param {string} reason
   * @param {string} kick id of the logout, "" where there was none
   */
  all(reason, kick) {
    if (this.#taken) return;
    this.#options.say({ kind: "leave", reason, kick, sid: this.#options.sid() });
    this.#take(reason, kick);
  }

  /** @param {import("./messages.js").Message} message of another tab */
  hear(message) {
    // A tab that has logged in anew since is not meant.
    if (message.kind !== "leave" || message.sid !== this.#options.sid()) return;
    this.#take(message.reason, message.kick);
  }

  /**
   * @param {string} reason
   * @param {string} kick
   */
  #take(reason, kick) {
    if (this.#taken) return;
    this.#taken = true;
    forget();
    this.#options.onLeave(reason, kick);
    if (Date.now() - this.#loggingOutAt < LOGOUT_PATIENCE_MS) return;
    const query = new URLSearchParams();
    if (reason) query.set("reason", reason);
    if (kick) query.set("kick", kick);
    location.replace(query.size ? `/login?${query}` : "/login");
  }
}
