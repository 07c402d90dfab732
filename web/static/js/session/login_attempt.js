// @ts-check
/**
 * The question on the live device when somebody with the right password wants its place: allow or
 * refuse, for twenty seconds. No answer changes nothing. A view with its one request; the guard
 * decides when it comes and goes.
 */

import { reply } from "../lib/ask.js";
import { asCountdown } from "../lib/clock.js";
import { line } from "../lib/dom.js";

const TICK_MS = 250;

/** How long it stays to say what came of the answer. */
const FAREWELL_MS = 6_000;

export class LoginAttempt {
  /** @type {HTMLElement | null} */ #element = null;
  #id = "";
  /** @type {ReturnType<typeof setInterval> | undefined} */ #tick;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #farewell;

  /** @param {import("./messages.js").Attempt} attempt */
  show({ attempt_id, device_name, ip, endsAtMs }) {
    this.hide();
    this.#id = attempt_id;
    const title = line("h2", "");
    title.id = "attempt-title";
    title.textContent = `Login dari ${device_name}: izinkan atau tolak?`;
    const text = line("p", "");
    text.textContent = `Seseorang dengan password Anda ingin masuk dari alamat ${ip}. Bila itu bukan Anda, tolak, lalu ganti password.`;
    const left = line("p", "attempt-left");
    const actions = line("div", "alert-actions");
    actions.append(
      this.#button("Tolak", "button danger", false),
      this.#button("Izinkan", "button", true),
    );
    const element = line("section", "attempt");
    element.setAttribute("role", "alert");
    element.setAttribute("aria-labelledby", title.id);
    element.append(title, text, actions, left);
    const count = () => {
      const seconds = (endsAtMs - Date.now()) / 1000;
      left.textContent = `Hilang sendiri dalam ${asCountdown(seconds)}`;
      if (seconds <= 0) this.hide();
    };
    count();
    this.#tick = setInterval(count, TICK_MS);
    this.#element = element;
    document.body.append(element);
  }

  /** @param {string} [id] only if it is this question that is shown */
  hide(id = this.#id) {
    if (id !== this.#id) return;
    clearInterval(this.#tick);
    clearTimeout(this.#farewell);
    this.#element?.remove();
    this.#element = null;
    this.#id = "";
  }

  /**
   * @param {string} label
   * @param {string} className
   * @param {boolean} allow
   */
  #button(label, className, allow) {
    const button = /** @type {HTMLButtonElement} */ (line("button", className));
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", () => void this.#answer(allow));
    return button;
  }

  /** @param {boolean} allow */
  async #answer(allow) {
    const element = this.#element;
    const id = this.#id;
    clearInterval(this.#tick);
    // what follows is said here; the server's word that it was answered is for the other tabs
    this.#id = "answered";
    for (const button of element?.querySelectorAll("button") ?? []) button.disabled = true;
    const answer = await reply(`/api/devices/attempts/${encodeURIComponent(id)}`, {
      json: { allow },
    });
    if (this.#element !== element || !element) return;
    const text = line("p", "");
    text.setAttribute("role", "status");
    text.textContent = answer?.ok ? answer.body.message : "Sudah terlambat untuk menjawab.";
    element.replaceChildren(text);
    this.#farewell = setTimeout(() => this.hide(), FAREWELL_MS);
  }
}
