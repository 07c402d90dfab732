// @ts-check
/**
 * A question that has to be answered before the page goes on: holds the keyboard inside, gives it
 * back afterwards, and takes Escape as the safe answer.
 */

const FOCUSABLE = "button:not([disabled]), [href], input:not([disabled])";

export class Modal {
  #element;
  /** @type {AbortController | null} */ #listeners = null;
  /** @type {HTMLElement | null} */ #before = null;
  /** @type {((answer: string) => void) | null} */ #resolve = null;

  /**
   * @param {HTMLElement} element hidden overlay whose buttons carry `data-answer`; the safe one
   *   also `data-safe`
   */
  constructor(element) {
    this.#element = element;
  }

  get isOpen() {
    return this.#resolve !== null;
  }

  /**
   * Shows the question.
   *
   * @returns {Promise<string>} the `data-answer` chosen
   */
  ask() {
    this.#before = /** @type {HTMLElement | null} */ (document.activeElement);
    this.#listeners = new AbortController();
    const { signal } = this.#listeners;
    this.#element.addEventListener("click", (event) => this.#clicked(event), { signal });
    document.addEventListener("keydown", (event) => this.#pressed(event), { signal });
    this.#element.hidden = false;
    for (const sibling of this.#surroundings()) sibling.inert = true;
    this.#safe.focus();
    return new Promise((resolve) => (this.#resolve = resolve));
  }

  /** @param {string} answer */
  #close(answer) {
    this.#listeners?.abort();
    this.#element.hidden = true;
    for (const sibling of this.#surroundings()) sibling.inert = false;
    this.#before?.focus();
    const resolve = this.#resolve;
    this.#resolve = null;
    resolve?.(answer);
  }

  /** @param {Event} event */
  #clicked(event) {
    const button = /** @type {Element} */ (event.target).closest("[data-answer]");
    if (button) this.#close(button.getAttribute("data-answer") ?? "");
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.key === "Escape") this.#safe.click();
    if (event.key === "Tab") this.#keepInside(event);
  }

  /** @param {KeyboardEvent} event */
  #keepInside(event) {
    const stops = /** @type {NodeListOf<HTMLElement>} */ (
      this.#element.querySelectorAll(FOCUSABLE)
    );
    const first = stops[0];
    const last = stops[stops.length - 1];
    const inside = this.#element.contains(document.activeElement);
    const atEdge = document.activeElement === (event.shiftKey ? first : last);
    if (inside && !atEdge) return;
    event.preventDefault();
    (event.shiftKey ? last : first).focus();
  }

  get #safe() {
    return /** @type {HTMLElement} */ (this.#element.querySelector("[data-safe]"));
  }

  #surroundings() {
    const siblings = [...document.body.children].filter((child) => child !== this.#element);
    return /** @type {HTMLElement[]} */ (siblings);
  }
}
