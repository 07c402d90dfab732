// @ts-check
/**
 * What the operator's pages share: asking the server so that a refusal is said
 * where it was asked, a question that must be answered, and looking again from time to time.
 */

import { Unreachable, ask } from "../lib/ask.js";
import { make } from "../lib/dom.js";
import { UNREACHABLE } from "../lib/words.js";

/**
 * A bar whose parts are as long as their counts.
 *
 * @param {{status: string, label: string, count: number}[]} shares
 */
export function shareBar(shares) {
  const words = shares.map(({ label, count }) => `${label} ${count}`).join(", ");
  const bar = make("div", { class: "share-bar", role: "img", "aria-label": words || "Belum ada anggota" });
  for (const { status, count } of shares) {
    const part = make("span", { "data-status": status });
    part.style.flexGrow = String(count);
    bar.append(part);
  }
  return bar;
}

/**
 * Asks before something that cannot be taken back. The keyboard is held by the dialog, and given
 * back by it.
 *
 * @param {string} title
 * @param {string} text
 * @param {string} label of the button that goes ahead
 * @returns {Promise<boolean>}
 */
export function confirmed(title, text, label) {
  const stay = make("button", { class: "button", value: "", autofocus: "" }, "Batal");
  const go = make("button", { class: "button danger", value: "go" }, label);
  const form = make("form", { method: "dialog", class: "dialog-body" });
  form.append(make("h2", {}, title), make("p", {}, text), make("p", { class: "actions" }, stay, go));
  const dialog = make("dialog", { class: "desk-dialog", "aria-label": title }, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "go");
      dialog.remove();
    });
  });
}

/** A part of an operator's page. Its messages go to its own `[data-message]`. */
export class DeskElement extends HTMLElement {
  #listening = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  connectedCallback() {
    this.#listening = new AbortController();
    this.begin();
  }

  disconnectedCallback() {
    this.#listening.abort();
    clearTimeout(this.#timer);
  }

  /** What is done when the element is there; subclasses say. */
  begin() {}

  get signal() {
    return this.#listening.signal;
  }

  /**
   * @param {string} selector
   * @param {string} type
   * @param {(event: Event) => unknown} act
   */
  listen(selector, type, act) {
    const { signal } = this;
    this.one(selector).addEventListener(type, (event) => void act(event), { signal });
  }

  /**
   * Hears what another part of the page announces.
   *
   * @template T
   * @param {string} type
   * @param {(detail: T) => unknown} act
   */
  hear(type, act) {
    const { signal } = this;
    const heard = (/** @type {Event} */ event) => void act(/** @type {CustomEvent} */ (event).detail);
    document.addEventListener(type, heard, { signal });
  }

  /**
   * @param {string} type
   * @param {unknown} [detail]
   */
  announce(type, detail) {
    document.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /**
   * Does something again after a while, unless the page lies in the background; then once it is
   * seen again. Only the last wish counts.
   *
   * @param {number} ms
   * @param {() => unknown} act
   */
  later(ms, act) {
    clearTimeout(this.#timer);
    if (!this.isConnected) return;
    this.#timer = setTimeout(() => {
      if (!document.hidden) void act();
      else document.addEventListener("visibilitychange", () => void act(), { once: true, signal: this.signal });
    }, ms);
  }

  /**
   * @template {HTMLElement} [T=HTMLElement]
   * @param {string} selector
   * @returns {T}
   */
  one(selector) {
    const found = this.querySelector(selector);
    if (!found) throw new TypeError(`${this.localName} has no ${selector}`);
    return /** @type {T} */ (found);
  }

  /**
   * @param {string} text "" to say nothing any more
   * @param {"alarm" | "calm"} [tone]
   */
  say(text, tone = "calm") {
    const box = this.one("[data-message]");
    box.dataset.tone = tone;
    if (box.textContent !== text) box.textContent = text;
  }

  /**
   * @param {string} path
   * @param {{method?: string, json?: unknown, file?: Blob, deadlineMs?: number, quietly?: boolean}} [options]
   *   `quietly`: a failure is not said, for it is asked again soon
   * @returns {Promise<import("../lib/ask.js").Answer["body"] | null>} the body, null after a refusal, which was said
   */
  async asked(path, { quietly = false, ...options } = {}) {
    let complaint = UNREACHABLE;
    try {
      const answer = await ask(path, options);
      if (answer.ok) return answer.body;
      complaint = answer.body.message ?? UNREACHABLE;
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
    }
    if (!quietly && this.isConnected) this.say(complaint, "alarm");
    return null;
  }

  /**
   * Something a button does: it is busy meanwhile, and cannot be pressed twice.
   *
   * @param {HTMLElement} pressed
   * @param {() => Promise<unknown>} act
   */
  async busy(pressed, act) {
    if (pressed.getAttribute("aria-busy") === "true") return;
    pressed.setAttribute("aria-busy", "true");
    try {
      await act();
    } finally {
      pressed.removeAttribute("aria-busy");
    }
  }
}
