// @ts-check
/**
 * The login form as it looks: what is typed, what it says, whether it is busy, and its waits for a
 * server that will not listen yet. It asks nobody.
 */

import { asCountdown } from "../lib/clock.js";
import { byId, occupy, say } from "../lib/dom.js";

/** A busy server is asked again this often before the member has to press the button. */
const BUSY_TRIES = 5;

/** The longest wait before asking a busy server again, whatever it names. */
const LONGEST_BUSY_SECONDS = 30;

const SECOND_MS = 1_000;

export class LoginForm {
  element = byId("formLogin", HTMLFormElement);
  username = byId("username", HTMLInputElement);
  password = byId("password", HTMLInputElement);
  remember = byId("remember", HTMLInputElement);
  #button = byId("login_button", HTMLButtonElement);
  #label = byId("login_button_label");
  #labelAtRest = this.#label.textContent ?? "";
  #message = byId("login_message");
  #busyTries = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #waiting;

  /** @param {() => void} onSubmit when its member wants to log in */
  begin(onSubmit) {
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#busyTries = 0;
      onSubmit();
    });
    this.element.addEventListener("input", () => this.#stopWaiting());
    addEventListener("offline", () => this.sayOffline());
    addEventListener("online", () => this.#message.dataset.tone === "offline" && this.say(""));
    // Back from the next page: the button must not still be turning.
    addEventListener("pageshow", (event) => event.persisted && this.rest());
    this.#button.disabled = false;
  }

  /** Whether there is something to send; else says so. */
  isComplete() {
    const hasName = this.username.value.trim() !== "";
    if (hasName && this.password.value) return true;
    this.say("Isi username dan password dulu, ya.");
    (hasName ? this.password : this.username).focus();
    return false;
  }

  /**
   * @param {string} text "" takes back what was said
   * @param {"alarm" | "calm" | "offline"} [tone]
   */
  say(text, tone = "alarm") {
    say("login_message", text, tone);
  }

  sayOffline() {
    this.say("Perangkat ini sedang tidak tersambung ke internet.", "offline");
  }

  /** @param {string} label what it is doing */
  work(label) {
    clearTimeout(this.#waiting);
    this.say("");
    occupy(this.#button, true);
    this.#label.textContent = label;
  }

  rest() {
    clearTimeout(this.#waiting);
    occupy(this.#button, false);
    this.#label.textContent = this.#labelAtRest;
  }

  /** The password was not right: the next one is typed over it. */
  retype() {
    this.password.select();
    this.password.focus();
  }

  /**
   * Waits until the server listens again.
   *
   * @param {number} seconds
   */
  countDown(seconds) {
    this.#button.disabled = true;
    const endsAt = Date.now() + seconds * SECOND_MS;
    const tick = () => {
      const left = (endsAt - Date.now()) / SECOND_MS;
      if (left <= 0) {
        this.#button.disabled = false;
        this.say("Silakan coba lagi.", "calm");
        return;
      }
      this.say(`Terlalu banyak percobaan. Coba lagi dalam ${asCountdown(left)}.`);
      this.#waiting = setTimeout(tick, SECOND_MS);
    };
    tick();
  }

  /**
   * Asks again by itself, a few times; typing stops it.
   *
   * @param {number} seconds
   * @param {string} why
   * @param {() => void} act
   */
  askAgain(seconds, why, act) {
    this.#busyTries += 1;
    if (this.#busyTries > BUSY_TRIES) {
      this.say(`${why} Coba lagi beberapa saat lagi.`);
      return;
    }
    const wait = Math.min(LONGEST_BUSY_SECONDS, Math.max(1, seconds));
    this.say(`${why} Dicoba lagi otomatis dalam ${wait} detik…`, "calm");
    this.#waiting = setTimeout(act, wait * SECOND_MS);
  }

  /** What is being typed is no longer what was to be sent again; the server's limit stays. */
  #stopWaiting() {
    if (!this.#button.disabled) clearTimeout(this.#waiting);
  }
}
