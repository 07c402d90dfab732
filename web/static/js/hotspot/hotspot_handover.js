// @ts-check
/**
 * `<hotspot-handover>`: takes a login along to the phone's own browser. A link that works once is
 * made when it is asked for, shown to be opened or copied, and watched: the moment it was used, the
 * session of this window is over, and the event `handover-over` says so.
 */

import { ask } from "../lib/ask.js";
import { inWords } from "../lib/clock.js";
import { intentFor, isAndroid } from "./mini_browser.js";

const MAKE = "/api/hotspot/handover";
const MINE = "/api/hotspot";

const LOOK_MS = 2_000;
const COPIED_MS = 2_000;

export class HotspotHandover extends HTMLElement {
  #bearer = "";
  #untilMs = 0;
  #listening = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  connectedCallback() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    this.#part("[data-make]").addEventListener("click", () => void this.#make(), { signal });
    this.#part("[data-copy]").addEventListener("click", () => void this.#copy(), { signal });
  }

  disconnectedCallback() {
    this.#listening.abort();
    clearTimeout(this.#timer);
  }

  /** @param {string} bearer of the session that may be taken along */
  offer(bearer) {
    this.#bearer = bearer;
    this.hidden = false;
    this.#show(false);
  }

  async #make() {
    const button = /** @type {HTMLButtonElement} */ (this.#part("[data-make]"));
    button.disabled = true;
    const answer = await ask(MAKE, { method: "POST", bearer: this.#bearer }).catch(() => null);
    button.disabled = false;
    this.#say(answer?.ok ? "" : refusal(answer));
    if (answer?.ok) this.#present(answer.body);
  }

  /** @param {{url: string, expires_in: number}} link */
  #present({ url, expires_in }) {
    const open = /** @type {HTMLAnchorElement} */ (this.#part("[data-open]"));
    open.href = isAndroid(navigator.userAgent) ? intentFor(url) : url;
    /** @type {HTMLInputElement} */ (this.#part("[data-link]")).value = url;
    this.#untilMs = Date.now() + expires_in * 1000;
    this.#show(true);
    open.focus();
    this.#watch();
  }

  #watch() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), LOOK_MS);
  }

  /** Whether the link was used: then another session has taken the place of this one. */
  async #look() {
    const answer = await ask(MINE, { bearer: this.#bearer }).catch(() => null);
    if (!this.isConnected) return;
    if (answer?.status === 401) {
      this.dispatchEvent(new CustomEvent("handover-over", { bubbles: true }));
    } else if (Date.now() < this.#untilMs) this.#watch();
    else {
      this.#show(false);
      this.#say("Tautan tadi sudah kedaluwarsa. Buat yang baru bila perlu.");
    }
  }

  async #copy() {
    const field = /** @type {HTMLInputElement} */ (this.#part("[data-link]"));
    const button = this.#part("[data-copy]");
    const before = button.textContent;
    button.textContent = (await copied(field)) ? "Tersalin" : "Tekan lama untuk menyalin";
    setTimeout(() => (button.textContent = before), COPIED_MS);
  }

  /** @param {boolean} made whether there is a link to show */
  #show(made) {
    this.#part("[data-made]").hidden = !made;
    this.#part("[data-make]").hidden = made;
  }

  /** @param {string} text */
  #say(text) {
    this.#part("[data-say]").textContent = text;
  }

  /** @param {string} selector */
  #part(selector) {
    const found = this.querySelector(selector);
    if (!(found instanceof HTMLElement)) throw new TypeError(`${selector} is missing`);
    return found;
  }
}

/** @param {import("../lib/ask.js").Answer | null} answer */
function refusal(answer) {
  if (!answer) return "Server tidak terjangkau. Coba lagi.";
  if (answer.retryAfter) return `Terlalu banyak percobaan. Coba lagi dalam ${inWords(answer.retryAfter)}.`;
  return answer.body.message ?? "Belum berhasil. Coba lagi.";
}

/**
 * @param {HTMLInputElement} field
 * @returns {Promise<boolean>} mini-browsers often have no clipboard for scripts, or only the old one
 */
async function copied(field) {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    return document.execCommand("copy");
  }
}

customElements.define("hotspot-handover", HotspotHandover);
