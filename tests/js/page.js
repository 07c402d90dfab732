/**
 * A page in memory: as much of a DOM as our scripts use, made from the real templates, so that a
 * script and its page cannot part unnoticed. No layout, no styles, no network: `answers` are what
 * the server would say, `asked` what was asked.
 */

import { readFileSync } from "node:fs";
import { register } from "node:module";
import { FakeLocks, FakeSocket, FakeStorage, FakeStream } from "./fakes.js";

const TEMPLATES = new URL("../../web/templates/", import.meta.url);
const VOID = new Set(["input", "img", "br", "hr", "meta", "link", "video", "source"]);
const PARTS = /<!--[\s\S]*?-->|<!doctype[^>]*>|<\/([\w-]+)>|<([\w-]+)((?:\s+[\w-]+(?:="[^"]*")?)*)\s*\/?>|([^<]+)/gi;

let upgraded = null;
const registry = new Map();

class Node {
  parentElement = null;

  remove() {
    const before = this.parentElement;
    if (!before) return;
    before.childNodes.splice(before.childNodes.indexOf(this), 1);
    this.parentElement = null;
    leave(this);
  }
}

class Text extends Node {
  constructor(data) {
    super();
    this.textContent = String(data);
  }
}

/** Whatever hears events: elements, the document, the window. */
const hearing = {
  addEventListener(type, listener, { signal, once } = {}) {
    this.listeners ??= [];
    const entry = { type, listener, once };
    this.listeners.push(entry);
    signal?.addEventListener("abort", () => this.listeners.splice(this.listeners.indexOf(entry), 1));
  },

  dispatchEvent(event) {
    if (!event.target) Object.defineProperty(event, "target", { value: this });
    Object.defineProperty(event, "currentTarget", { value: this, configurable: true });
    for (const entry of [...(this.listeners ?? [])]) {
      if (entry.type !== event.type) continue;
      if (entry.once) this.listeners.splice(this.listeners.indexOf(entry), 1);
      entry.listener(event);
    }
    const above = this.parentElement ?? (this === document || this === globalThis ? null : document);
    if (event.bubbles) above?.dispatchEvent(event);
    return !event.defaultPrevented;
  },
};

export class HTMLElement extends Node {
  childNodes = [];
  #attributes = new Map();

  constructor() {
    super();
    if (upgraded) {
      const element = upgraded;
      upgraded = null;
      Object.setPrototypeOf(element, new.target.prototype);
      return element;
    }
  }

  get children() {
    return this.childNodes.filter((node) => node instanceof HTMLElement);
  }

  get isConnected() {
    return document.documentElement.contains(this);
  }

  get nextElementSibling() {
    const siblings = this.parentElement?.children ?? [];
    return siblings[siblings.indexOf(this) + 1] ?? null;
  }

  get firstChild() {
    return this.childNodes[0] ?? null;
  }

  get childElementCount() {
    return this.children.length;
  }

  get textContent() {
    return this.childNodes.map(({ textContent }) => textContent).join("");
  }

  set textContent(text) {
    this.replaceChildren(...(text === "" ? [] : [String(text)]));
  }

  append(...nodes) {
    for (const node of nodes) {
      const child = node instanceof Node ? node : new Text(node);
      child.remove();
      child.parentElement = this;
      this.childNodes.push(child);
      if (this.isConnected) arrive(child);
    }
  }

  replaceChildren(...nodes) {
    for (const node of [...this.childNodes]) node.remove();
    this.append(...nodes);
  }

  // Attributes

  getAttribute(name) {
    return this.#attributes.get(name) ?? null;
  }

  setAttribute(name, value) {
    this.#attributes.set(name, String(value));
  }

  removeAttribute(name) {
    this.#attributes.delete(name);
  }

  hasAttribute(name) {
    return this.#attributes.has(name);
  }

  toggleAttribute(name, on) {
    if (on) this.setAttribute(name, "");
    else this.removeAttribute(name);
  }

  get dataset() {
    const name = (/** @type {string} */ key) => `data-${key.replace(/[A-Z]/g, (big) => `-${big.toLowerCase()}`)}`;
    return new Proxy(/** @type {any} */ ({}), {
      get: (_, key) => (typeof key === "string" ? (this.getAttribute(name(key)) ?? undefined) : undefined),
      set: (_, key, value) => (this.setAttribute(name(String(key)), value), true),
    });
  }

  get classList() {
    const names = () => this.className.split(" ").filter(Boolean);
    const write = (/** @type {string[]} */ all) => (this.className = all.join(" "));
    return {
      contains: (name) => names().includes(name),
      add: (name) => write([...new Set([...names(), name])]),
      remove: (name) => write(names().filter((one) => one !== name)),
      toggle: (name, on) => write([...names().filter((one) => one !== name), ...(on ? [name] : [])]),
    };
  }

  // Finding

  matches(selector) {
    return selector.split(",").some((one) => matches(this, one.trim().split(/\s+/)));
  }

  closest(selector) {
    return this.matches(selector) ? this : (this.parentElement?.closest(selector) ?? null);
  }

  contains(node) {
    return node === this || this.children.some((child) => child.contains(node));
  }

  querySelectorAll(selector) {
    return this.children.flatMap((child) => [...(child.matches(selector) ? [child] : []), ...child.querySelectorAll(selector)]);
  }

  querySelector(selector) {
    return this.querySelectorAll(selector)[0] ?? null;
  }

  // Acting

  focus() {
    document.activeElement = this;
  }

  select() {}

  scrollIntoView() {}

  click() {
    if (!this.disabled) this.dispatchEvent(new Event("click", { bubbles: true, cancelable: true }));
  }
}
Object.assign(HTMLElement.prototype, hearing);
for (const name of ["id", "href", "type", "name", "title", "src", "action"]) reflect(name, name);
reflect("className", "class");
for (const name of ["hidden", "disabled"]) {
  Object.defineProperty(HTMLElement.prototype, name, {
    get() {
      return this.hasAttribute(name);
    },
    set(on) {
      this.toggleAttribute(name, Boolean(on));
    },
  });
}

class HTMLFormElement extends HTMLElement {
  /** What a person does who presses the button. */
  submit() {
    this.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  }

  reset() {
    for (const field of this.querySelectorAll("input, select, textarea")) field.value = "";
  }
}

class HTMLInputElement extends HTMLElement {
  value = "";
  checked = false;

  get form() {
    return this.closest("form");
  }

  /** What a person does who types. */
  enter(text) {
    this.value = text;
    this.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

class HTMLSelectElement extends HTMLInputElement {
  get options() {
    return this.children;
  }

  add(option) {
    this.append(option);
  }
}

class HTMLDialogElement extends HTMLElement {
  open = false;

  showModal() {
    this.open = true;
  }

  close() {
    this.open = false;
  }
}

class HTMLButtonElement extends HTMLElement {}
class HTMLImageElement extends HTMLElement {}
class HTMLAnchorElement extends HTMLElement {}

const CLASSES = {
  form: HTMLFormElement,
  input: HTMLInputElement,
  textarea: HTMLInputElement,
  select: HTMLSelectElement,
  button: HTMLButtonElement,
  dialog: HTMLDialogElement,
  img: HTMLImageElement,
  a: HTMLAnchorElement,
};

function reflect(property, attribute) {
  Object.defineProperty(HTMLElement.prototype, property, {
    get() {
      return this.getAttribute(attribute) ?? "";
    },
    set(value) {
      this.setAttribute(attribute, value);
    },
  });
}

function createElement(tag) {
  const element = new (CLASSES[tag] ?? HTMLElement)();
  element.localName = tag;
  return element;
}

/** An element came into the page: one of ours begins. */
function arrive(node) {
  if (!(node instanceof HTMLElement)) return;
  upgrade(node);
  node.connectedCallback?.();
  for (const child of node.children) arrive(child);
}

function leave(node) {
  if (!(node instanceof HTMLElement)) return;
  node.disconnectedCallback?.();
  for (const child of node.children) leave(child);
}

function upgrade(element) {
  const made = registry.get(element.localName);
  if (!made || element instanceof made) return;
  upgraded = element;
  new made();
}

/** @param {string} name @param {any} made */
function define(name, made) {
  registry.set(name, made);
  for (const element of document.documentElement.querySelectorAll(name)) arrive(element);
}

/** @param {any} element @param {string[]} compounds from the outermost to the element itself */
function matches(element, compounds) {
  const own = compounds.at(-1) ?? "";
  const conditions = own.match(/^[\w-]+|#[\w-]+|\.[\w-]+|\[[\w-]+(?:="?[^"\]]*"?)?\]|:[\w-]+/g) ?? [];
  if (conditions.join("") !== own) throw new SyntaxError(`a selector that page.js does not know: ${own}`);
  if (!conditions.every((condition) => fits(element, condition))) return false;
  if (compounds.length === 1) return true;
  for (let above = element.parentElement; above; above = above.parentElement) {
    if (matches(above, compounds.slice(0, -1))) return true;
  }
  return false;
}

function fits(element, condition) {
  const rest = condition.slice(1);
  if (condition[0] === "#") return element.id === rest;
  if (condition[0] === ".") return element.classList.contains(rest);
  if (condition === ":checked") return element.checked;
  if (condition[0] !== "[") return element.localName === condition;
  const [, name, value] = /^\[([\w-]+)(?:="?([^"\]]*)"?)?\]$/.exec(condition) ?? [];
  return value === undefined ? element.hasAttribute(name) : element.getAttribute(name) === value;
}

/** @param {any} parent @param {string} html */
function fill(parent, html) {
  const whole = createElement("template");
  let open = whole;
  for (const [, closing, tag, attributes, text] of html.matchAll(PARTS)) {
    if (text?.trim()) open.append(text);
    if (closing && !VOID.has(closing)) open = open.parentElement ?? whole;
    if (!tag) continue;
    const element = createElement(tag);
    for (const [, name, value = ""] of attributes.matchAll(/([\w-]+)(?:="([^"]*)")?/g)) {
      element.setAttribute(name, value);
      if (name === "value") element.value = value;
    }
    open.append(element);
    if (!VOID.has(tag)) open = element;
  }
  parent.append(...whole.childNodes);
}

/** A template as it is when every branch of it is taken, its variables empty. */
function templateOf(name) {
  const text = readFileSync(new URL(name, TEMPLATES), "utf8");
  return text
    .replace(/\{#[\s\S]*?#\}/g, "")
    .replace(/\{%-? include "([^"]+)" -?%\}/g, (_, other) => templateOf(other))
    .replace(/\{%[\s\S]*?%\}|\{\{[\s\S]*?\}\}/g, "")
    .replace(/<svg[\s\S]*?<\/svg>|<script[\s\S]*?<\/script>|<link[^>]*>/g, "");
}

/** A BroadcastChannel within one process. */
class FakeChannel {
  static open = new Set();

  constructor(name) {
    this.name = name;
    FakeChannel.open.add(this);
  }

  addEventListener(_, listener) {
    this.onmessage = listener;
  }

  postMessage(data) {
    for (const other of FakeChannel.open) {
      if (other !== this && other.name === this.name) other.onmessage?.({ data: structuredClone(data) });
    }
  }

  close() {
    FakeChannel.open.delete(this);
  }
}

class FakeFormData {
  #entries;

  constructor(form) {
    this.#entries = form.querySelectorAll("input, select, textarea").map(({ name, value }) => [name, value]);
  }

  [Symbol.iterator]() {
    return this.#entries[Symbol.iterator]();
  }
}

/** Everything is made new: no test sees what another left. */
export class Page {
  /** What the server says, by `METHOD path`: `{http, headers, json}`, or a function of the body that
   * says it. Without one nobody answers. */
  answers = {};
  /** What was asked, in order. @type {{method: string, path: string, body: any}[]} */
  asked = [];
  /** Where the page went. @type {string[]} */
  went = [];

  /** @param {string} address */
  constructor(address) {
    FakeSocket.made = [];
    FakeStream.made = [];
    FakeChannel.open.clear();
    const page = this;
    const url = new URL(address, "http://jaga.test");
    const location = Object.assign(url, {
      assign: (/** @type {string} */ to) => page.went.push(to),
      replace: (/** @type {string} */ to) => page.went.push(to),
      reload: () => page.went.push("reload"),
    });
    const documentElement = createElement("html");
    const document = Object.assign(Object.create(hearing), {
      documentElement,
      body: createElement("body"),
      activeElement: null,
      cookie: "device_fp=abc",
      title: "Halaman",
      hidden: false,
      createElement,
      getElementById: (/** @type {string} */ id) => documentElement.querySelector(`#${id}`),
      querySelector: (/** @type {string} */ selector) => documentElement.querySelector(selector),
      querySelectorAll: (/** @type {string} */ selector) => documentElement.querySelectorAll(selector),
    });
    const navigator = { onLine: true, userAgent: "Chrome", locks: new FakeLocks() };
    const set = (name, value) =>
      Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    Object.entries({
      ...{ document, location, navigator, HTMLElement, HTMLFormElement, HTMLInputElement },
      ...{ HTMLButtonElement, HTMLDialogElement, HTMLSelectElement, HTMLImageElement, HTMLAnchorElement },
      history: { replaceState: () => {}, state: null },
      localStorage: new FakeStorage(),
      sessionStorage: new FakeStorage(),
      window: globalThis,
      listeners: [],
      addEventListener: hearing.addEventListener.bind(globalThis),
      dispatchEvent: hearing.dispatchEvent.bind(globalThis),
      customElements: { define },
      requestAnimationFrame: (/** @type {() => void} */ draw) => setTimeout(draw, 16),
      WebSocket: FakeSocket,
      EventSource: FakeStream,
      BroadcastChannel: FakeChannel,
      FormData: FakeFormData,
      Option: function (text, value) {
        return Object.assign(createElement("option"), { textContent: text, value });
      },
      confirm: () => true,
      fetch: (path, options = {}) => page.#answer(path, options),
    }).forEach(([name, value]) => set(name, value));
    documentElement.append(document.body);
  }

  /** @param {string} template of web/templates, put into the page */
  show(template) {
    fill(document.body, templateOf(template));
    return this;
  }

  /** @param {string} html */
  add(html) {
    fill(document.body, html);
    return document.body.children.at(-1);
  }

  /** @param {string} selector */
  one(selector) {
    return /** @type {any} */ (document.querySelector(selector));
  }

  /** @param {string} selector */
  text(selector) {
    return this.one(selector).textContent;
  }

  /** What was asked of one address. @param {string} address `METHOD path` */
  bodiesOf(address) {
    return this.asked.filter(({ method, path }) => `${method} ${path}` === address).map(({ body }) => body);
  }

  async #answer(path, { method = "GET", body }) {
    const sent = typeof body === "string" ? JSON.parse(body) : body && Object.fromEntries(body);
    this.asked.push({ method, path, body: sent });
    const known = this.answers[`${method} ${path}`];
    const answer = typeof known === "function" ? known(sent) : known;
    if (!answer) throw new TypeError(`nobody answers ${method} ${path}`);
    const { http = 200, headers = {}, json = {} } = answer;
    return {
      status: http,
      ok: http < 300,
      headers: new Headers(headers),
      text: async () => JSON.stringify(json),
    };
  }
}

/** What a script imports is made anew with it: modules keep what they found in their page. */
const ANEW = `export async function resolve(specifier, context, next) {
  const found = await next(specifier, context);
  const { search } = new URL(context.parentURL ?? "file:///");
  return search && specifier.startsWith(".") ? { ...found, url: found.url + search } : found;
}`;
register(`data:text/javascript,${encodeURIComponent(ANEW)}`);

let runs = 0;

/** Runs a page's script anew. @param {string} path under web/static/js */
export function run(path) {
  runs += 1;
  return import(`../../web/static/js/${path}?run=${runs}`);
}

/** A moment like any other, so that nothing seems to have happened just now. */
const NOW = Date.parse("2026-11-30T00:30:00Z");

/** @param {any} context of a test, whose timers run when it says so */
export function stopClocks(context) {
  context.mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: NOW });
}
