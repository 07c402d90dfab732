// @ts-check
/**
 * A member's own hotspot page: `<hotspot-card>` fetches itself again the moment something has
 * changed.
 *
 * What changed comes over the session guard's line, which every tab of this browser shares.
 */

import { Unreachable, ask } from "../lib/ask.js";
import "../lib/local_moment.js";
import { Modal } from "../lib/modal.js";
import { byId } from "../lib/dom.js";
import { UNREACHABLE } from "../lib/words.js";
import { onSession } from "../session/session_events.js";

const CARD = "/api/hotspot/card";
const CARD_DEADLINE_MS = 10_000;

/** The longest a browser's timer can wait; a package that ends later is looked at again then. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

class HotspotCard extends HTMLElement {
  #listening = new AbortController();
  #question = new Modal(byId("release-modal"));
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #endTimer;
  #fetching = false;
  #stale = false;
  #wasLive = true;

  connectedCallback() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    this.addEventListener("click", (event) => this.#clicked(event), { signal });
    onSession("hotspot", () => this.#changed(), signal);
    onSession("state", ({ state }) => this.#lineChanged(state), signal);
    document.addEventListener("visibilitychange", () => this.#seen(), { signal });
    this.#awaitEnd();
  }

  disconnectedCallback() {
    this.#listening.abort();
    clearTimeout(this.#endTimer);
  }

  // When to look ---------------------------------------------------------------------------------

  /** A page that nobody looks at waits until somebody does. */
  #changed() {
    this.#stale = true;
    if (!document.hidden) void this.#look();
  }

  #seen() {
    if (!document.hidden && this.#stale) void this.#look();
  }

  /** @param {string} state what happened while the line was cut was told to nobody here */
  #lineChanged(state) {
    const live = state === "live";
    if (live && !this.#wasLive) this.#changed();
    this.#wasLive = live;
  }

  /** The end of a package is a matter of the clock: no event says so before the next pass. */
  #awaitEnd() {
    clearTimeout(this.#endTimer);
    const text = this.querySelector(".place-head")?.getAttribute("data-expires-in");
    const seconds = Number(text);
    if (!text || seconds <= 0) return;
    const wait = Math.min(seconds * 1000 + 1000, LONGEST_TIMER_MS);
    this.#endTimer = setTimeout(() => this.#changed(), wait);
  }

  // Looking --------------------------------------------------------------------------------------

  /** Fetches what there is now; what changes meanwhile is fetched after it, once. */
  async #look() {
    if (this.#fetching) return;
    this.#fetching = true;
    try {
      while (this.#stale) {
        this.#stale = false;
        const text = await fetchCard();
        if (text !== null) this.#draw(text);
      }
    } finally {
      this.#fetching = false;
    }
  }

  /** @param {string} text the server's own template, escaped there */
  #draw(text) {
    const focused = this.contains(document.activeElement)
      ? document.activeElement?.getAttribute("data-release")
      : null;
    const open = this.querySelector("details")?.open ?? false;
    const before = this.querySelector("h1")?.textContent;
    const drawn = new DOMParser().parseFromString(text, "text/html").body;
    this.replaceChildren(...drawn.childNodes);
    const details = this.querySelector("details");
    if (details) details.open = open;
    if (focused) this.#button(focused)?.focus();
    const now = this.querySelector("h1")?.textContent ?? "";
    if (now !== before) byId("hotspot-news").textContent = now;
    this.#awaitEnd();
  }

  // Letting a device go --------------------------------------------------------------------------

  /** @param {Event} event */
  #clicked(event) {
    const button = /** @type {Element} */ (event.target).closest("[data-release]");
    if (button) void this.#release(/** @type {HTMLElement} */ (button));
  }

  /** @param {HTMLElement} button */
  async #release({ dataset }) {
    const { release: id = "", name = "" } = dataset;
    byId("release-title").textContent = `Lepas ${name}?`;
    if ((await this.#question.ask()) !== "release") return;
    complain("");
    try {
      const answer = await ask(`/api/hotspot/devices/${id}`, { method: "DELETE" });
      if (!answer.ok && answer.status !== 404) complain(answer.body.message ?? UNREACHABLE);
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      complain(UNREACHABLE);
    }
    this.#changed();
  }

  /** @param {string} id */
  #button(id) {
    return /** @type {HTMLElement | null} */ (
      this.querySelector(`[data-release="${CSS.escape(id)}"]`)
    );
  }
}

/** @returns {Promise<string | null>} null where nobody answered; a session's end is the guard's */
async function fetchCard() {
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), CARD_DEADLINE_MS);
  try {
    const answer = await fetch(CARD, { cache: "no-store", signal: deadline.signal });
    return answer.ok ? await answer.text() : null;
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

/** @param {string} text */
function complain(text) {
  byId("hotspot-message").textContent = text;
}

customElements.define("hotspot-card", HotspotCard);
