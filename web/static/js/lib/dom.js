// @ts-check
/** What every page does with its elements: find one, make one, write into one. Keeps nothing. */

/** @typedef {string | Node | null} Child */

/**
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @param {{new (): T}} [type] what it has to be
 * @returns {T}
 * @throws {TypeError} when the page has no such element: template and script have parted
 */
export function byId(id, type = /** @type {{new (): T}} */ (/** @type {unknown} */ (HTMLElement))) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new TypeError(`#${id} is missing`);
  return element;
}

/**
 * A form's field. Choices and long texts are fields too; only what they have in common with an
 * input is used of them.
 *
 * @param {string} id
 */
export function field(id) {
  return /** @type {HTMLInputElement} */ (byId(id));
}

/**
 * An element with text or elements in it; text stays text.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string>} attributes
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

/**
 * An element of a class with a text in it.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {string} className "" for none
 * @param {string} [text]
 */
export function line(tag, className, text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

/**
 * @param {string} label
 * @param {() => unknown} act when it is pressed
 * @param {Record<string, string>} [attributes]
 */
export function button(label, act, attributes = {}) {
  const made = make("button", { type: "button", class: "button", ...attributes }, label);
  made.addEventListener("click", () => void act());
  return made;
}

/**
 * Writes a text where it is another one. A page whose state has no such element is left alone.
 *
 * @param {string} id
 * @param {string} text
 */
export function write(id, text) {
  const place = document.getElementById(id);
  if (place && place.textContent !== text) place.textContent = text;
}

/**
 * Says something to whoever uses the page; an empty box is not shown.
 *
 * @param {string} id of a `.form-message`
 * @param {string} text "" takes back what was said
 * @param {"alarm" | "calm" | "offline"} [tone]
 */
export function say(id, text, tone = "alarm") {
  byId(id).dataset.tone = tone;
  write(id, text);
}

/**
 * @param {string} id
 * @param {Node[]} children
 */
export function replace(id, children) {
  byId(id).replaceChildren(...children);
}

/**
 * A button that waits for an answer cannot be pressed again.
 *
 * @param {HTMLButtonElement} button
 * @param {boolean} isBusy
 */
export function occupy(button, isBusy) {
  button.disabled = isBusy;
  if (isBusy) button.setAttribute("aria-busy", "true");
  else button.removeAttribute("aria-busy");
}

/**
 * A part of an element of ours.
 *
 * @template {HTMLElement} [T=HTMLElement]
 * @param {ParentNode} whole
 * @param {string} selector
 * @returns {T}
 * @throws {TypeError} when there is none
 */
export function part(whole, selector) {
  const found = whole.querySelector(selector);
  if (!found) throw new TypeError(`${selector} is missing`);
  return /** @type {T} */ (found);
}

/**
 * Shows one of an element's `[data-<name>]` parts, and hides the others.
 *
 * @param {ParentNode} whole
 * @param {"view" | "step"} name
 * @param {string} wanted
 */
export function showOnly(whole, name, wanted) {
  for (const one of /** @type {NodeListOf<HTMLElement>} */ (whole.querySelectorAll(`[data-${name}]`))) {
    one.hidden = one.dataset[name] !== wanted;
  }
}

/**
 * A number of an element's attribute.
 *
 * @param {Element} element
 * @param {string} attribute
 * @param {number} otherwise where it has none, or none above 0
 */
export function numberOf(element, attribute, otherwise) {
  const number = Number(element.getAttribute(attribute));
  return number > 0 ? number : otherwise;
}

/**
 * Tells whoever listens around an element.
 *
 * @param {Element} element
 * @param {string} type
 * @param {unknown} detail
 */
export function emit(element, type, detail) {
  element.dispatchEvent(new CustomEvent(type, { detail, bubbles: true }));
}
