// @ts-check
/**
 * `<hotspot-handover>`: takes a login along to the phone's own browser. A link that works once is
 * made when it is asked for, shown to be opened or copied, and watched: the moment it was used, the
 * session of this window is over, and the event `handover-over` says so.
 */

import { reply } from "../lib/ask.js";
import { part } from "../lib/dom.js";
import { intentFor, isAndroid } from "./mini_browser.js";
import { whyNotNow } from "../lib/words.js";

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
    part(this, "[data-make]").addEventListener("click", () => void this.#make(), { signal });
    part(this, "[data-copy]").addEventListener("click", () => void this.#copy(), { signal });
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
    const button = /** @type {HTMLButtonElement} */ (part(this, "[data-make]"));
    button.disabled = true;
    const answer = await reply(MAKE, { method: "POST", bearer: this.#bearer });
    button.disabled = false;
    this.#say(answer?.ok ? "" : whyNotNow(answer));
    if (answer?.ok) this.#present(answer.body);
  }

  /** @param {{url: string, expires_in: number}} link */
  #present({ url, expires_in }) {
    const open = /** @type {HTMLAnchorElement} */ (part(this, "[data-open]"));
    open.href = isAndroid(navigator.userAgent) ? intentFor(url) : url;
    /** @type {HTMLInputElement} */ (part(this, "[data-link]")).value = url;
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
    const answer = await reply(MINE, { bearer: this.#bearer });
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
    const field = /** @type {HTMLInputElement} */ (part(this, "[data-link]"));
    const button = part(this, "[data-copy]");
    const before = button.textContent;
    button.textContent = (await copied(field)) ? "Tersalin" : "Tekan lama untuk menyalin";
    setTimeout(() => (button.textContent = before), COPIED_MS);
  }

  /** @param {boolean} made whether there is a link to show */
  #show(made) {
    part(this, "[data-made]").hidden = !made;
    part(this, "[data-make]").hidden = made;
  }

  /** @param {string} text */
  #say(text) {
    part(this, "[data-say]").textContent = text;
  }
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
