// @ts-check
/** The steps of `<hotspot-login>`: one form at a time, its fields, and what is wrong with them. */

import { occupy, part, showOnly } from "../lib/dom.js";

export class PortalSteps {
  #root;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
  }

  /** @param {string} step */
  show(step) {
    this.complain("");
    showOnly(this.#root, "step", step);
    const shown = part(this.#root, `[data-step=${step}]`);
    (shown.querySelector("input") ?? shown.querySelector("h1"))?.focus();
  }

  /** @param {string} step */
  isShown(step) {
    return !this.form(step).hidden;
  }

  /** @param {string} step */
  form(step) {
    return /** @type {HTMLFormElement} */ (part(this.#root, `form[data-step=${step}]`));
  }

  /** @param {string} selector */
  input(selector) {
    return /** @type {HTMLInputElement} */ (part(this.#root, selector));
  }

  /**
   * @param {string} text nothing takes a complaint back
   * @param {string} [field] which to correct
   */
  complain(text, field) {
    for (const place of this.#root.querySelectorAll(".form-message")) {
      place.textContent = isVisible(place) ? text : "";
    }
    for (const input of this.#root.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
    const input = field ? [...this.#root.querySelectorAll(field)].find(isVisible) : null;
    if (!(input instanceof HTMLInputElement)) return;
    input.setAttribute("aria-invalid", "true");
    input.focus();
    input.select();
  }

  /**
   * @param {string} selector
   * @param {string} text
   */
  write(selector, text) {
    for (const place of this.#root.querySelectorAll(selector)) place.textContent = text;
  }

  /**
   * @param {string} step
   * @param {boolean} isBusy
   */
  occupy(step, isBusy) {
    occupy(/** @type {HTMLButtonElement} */ (part(this.form(step), "[type=submit]")), isBusy);
  }
}

/** @param {Element} element */
function isVisible(element) {
  return element.closest("[hidden]") === null;
}
