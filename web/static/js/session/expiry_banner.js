// @ts-check
/**
 * The one notice that a session is about to end: a countdown and, where staying is possible, the
 * button for it. A view; the guard decides when it comes and goes.
 */

import { asCountdown, inWords } from "../lib/clock.js";
import { line } from "../lib/dom.js";

const TICK_MS = 250;

/** How long the thanks for staying is shown. */
const THANKS_MS = 4_000;

/** @type {Record<string, string>} */
const WHY = {
  idle: "karena lama tidak ada aktivitas",
  absolute: "karena batas waktu sejak Anda masuk",
  remember: "karena masa “Ingat Saya” habis",
};

export class ExpiryBanner {
  #onStay;
  /** @type {HTMLElement | null} */ #element = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #tick;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #farewell;

  /** @param {{onStay: () => Promise<boolean>}} options */
  constructor({ onStay }) {
    this.#onStay = onStay;
  }

  /**
   * @param {string} reason clock that runs out: `idle`, `absolute`, `remember`
   * @param {number} endsAtMs on this browser's clock
   */
  show(reason, endsAtMs) {
    this.hide();
    const why = WHY[reason] ? ` ${WHY[reason]}` : "";
    const secondsLeft = () => (endsAtMs - Date.now()) / 1000;
    const left = line("span", "expiry-left");
    const text = line("p", "expiry-text");
    text.setAttribute("role", "timer");
    text.append("Sesi Anda berakhir dalam ", left, `${why}.`);
    const element = line("section", "expiry-banner");
    element.setAttribute("aria-label", "Sesi akan berakhir");
    element.append(text, reason === "idle" ? this.#stayButton() : advice());
    const show = () => (left.textContent = asCountdown(secondsLeft()));
    show();
    this.#tick = setInterval(show, TICK_MS);
    this.#element = element;
    document.body.append(element);
    // A countdown must not be read out every second: said once, in words.
    const spoken = line("p", "visually-hidden");
    spoken.setAttribute("role", "alert");
    element.append(spoken);
    spoken.textContent = `Sesi Anda berakhir dalam ${inWords(secondsLeft())}${why}.`;
  }

  /** Says that the session goes on, then leaves. */
  thank() {
    if (!this.#element) return;
    clearInterval(this.#tick);
    const text = line("p", "expiry-text");
    text.setAttribute("role", "status");
    text.textContent = "Baik, Anda tetap masuk.";
    this.#element.replaceChildren(text);
    this.#farewell = setTimeout(() => this.hide(), THANKS_MS);
  }

  hide() {
    clearInterval(this.#tick);
    clearTimeout(this.#farewell);
    this.#element?.remove();
    this.#element = null;
  }

  #stayButton() {
    const button = /** @type {HTMLButtonElement} */ (line("button", "button primary"));
    button.type = "button";
    button.textContent = "Tetap masuk";
    button.addEventListener("click", async () => {
      button.disabled = true;
      await this.#onStay();
      button.disabled = false;
    });
    return button;
  }
}

function advice() {
  const text = line("p", "expiry-advice");
  text.textContent = "Simpan pekerjaan Anda, lalu masuk kembali.";
  return text;
}
