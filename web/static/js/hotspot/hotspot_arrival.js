// @ts-check
/**
 * `<hotspot-arrival data-signed-in>`: the other end of a handed-over login. Takes the token out of
 * the address at once, uses it up, and goes on to the member's own page. A browser in which
 * somebody is logged in, or where the link's member never was, is asked first.
 */

import { reply } from "../lib/ask.js";
import { part, showOnly } from "../lib/dom.js";
import { inWords } from "../lib/clock.js";

const LOOK = "/api/hotspot/handover/look";
const REDEEM = "/api/hotspot/handover/redeem";

class HotspotArrival extends HTMLElement {
  #token = "";
  #listening = new AbortController();

  connectedCallback() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    this.addEventListener("click", (event) => this.#clicked(event), { signal });
    this.#token = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
    if (!this.#token) this.#fail("Tautan ini tidak lengkap. Salin seluruhnya dari halaman hotspot.");
    else if (this.hasAttribute("data-signed-in")) this.#show("ask");
    else whenLookedAt(() => void this.#arrive());
  }

  disconnectedCallback() {
    this.#listening.abort();
  }

  /** @param {Event} event */
  #clicked(event) {
    const act = /** @type {Element} */ (event.target).closest("[data-act]")?.getAttribute("data-act");
    if (act === "redeem") void this.#redeem();
    if (act === "again") void this.#arrive();
  }

  /** Goes on by itself where this browser was the member's before; asks whose it is elsewhere. */
  async #arrive() {
    this.#show("going");
    const answer = await reply(LOOK, { json: { token: this.#token } });
    if (!answer?.ok) this.#refuse(answer);
    else if (answer.body.known) await this.#redeem();
    else {
      part(this, "[data-name]").textContent = answer.body.name;
      this.#show("whose");
    }
  }

  async #redeem() {
    this.#show("going");
    const answer = await reply(REDEEM, { json: { token: this.#token } });
    if (answer?.ok) location.replace(answer.body.redirect);
    else this.#refuse(answer);
  }

  /** @param {import("../lib/ask.js").Answer | null} answer */
  #refuse(answer) {
    if (!answer) this.#fail("Server tidak terjangkau. Periksa sambungan Anda.", true);
    else if (answer.retryAfter) {
      this.#fail(`Sedang ramai. Coba lagi dalam ${inWords(answer.retryAfter)}.`, true);
    } else this.#fail(answer.body.message ?? "Belum berhasil.");
  }

  /**
   * @param {string} text
   * @param {boolean} [again] whether the same link may still work
   */
  #fail(text, again = false) {
    part(this, "[data-why]").textContent = text;
    part(this, "[data-view=failed] [data-act]").hidden = !again;
    this.#show("failed");
  }

  /** @param {string} view */
  #show(view) {
    showOnly(this, "view", view);
    /** @type {HTMLElement | null} */ (this.querySelector(`[data-view=${view}] h1`))?.focus();
  }
}

/**
 * A browser that loads pages ahead of a tap must not use the link up.
 *
 * @param {() => void} act
 */
function whenLookedAt(act) {
  const page = /** @type {Document & {prerendering?: boolean}} */ (document);
  if (page.prerendering) page.addEventListener("prerenderingchange", act, { once: true });
  else act();
}

customElements.define("hotspot-arrival", HotspotArrival);
