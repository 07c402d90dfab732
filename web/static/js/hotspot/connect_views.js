// @ts-check
/** The views of `<hotspot-connect>`: one at a time, with what it says. */

import { part, showOnly } from "../lib/dom.js";

export class ConnectViews {
  #root;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
  }

  /** @param {string} view */
  show(view) {
    this.complain("");
    showOnly(this.#root, "view", view);
    /** @type {HTMLElement | null} */ (this.#root.querySelector(`[data-view=${view}] h1`))?.focus();
  }

  /** @param {string} view */
  isShown(view) {
    return !part(this.#root, `[data-view=${view}]`).hidden;
  }

  /** @param {boolean} busy */
  occupy(busy) {
    for (const button of this.#root.querySelectorAll('[data-act="retry"], [data-act="replace"]')) {
      /** @type {HTMLButtonElement} */ (button).disabled = busy;
      button.setAttribute("aria-busy", String(busy));
    }
  }

  /** @param {string} text */
  complain(text) {
    part(this.#root, ".form-message").textContent = this.isShown("over") ? "" : text;
  }

  /** @param {string} text what to do */
  advise(text) {
    part(this.#root, "[data-advice]").textContent = text;
    this.show("trouble");
  }

  /**
   * @param {string} title
   * @param {string} text
   */
  done(title, text) {
    part(this.#root, "[data-done-title]").textContent = title;
    part(this.#root, "[data-done-text]").textContent = text;
    this.show("done");
  }

  /** @param {{title: string, text: string}} words why the session is over */
  over({ title, text }) {
    part(this.#root, "[data-over-title]").textContent = title;
    part(this.#root, "[data-over-text]").textContent = text;
    this.show("over");
  }
}
