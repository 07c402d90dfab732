// @ts-check
/** Stand-ins for what a browser has and Node has not; each does only what the code under test uses. */

/** A clock whose timers run when the test says so. */
export class Timers {
  now = 0;
  #entries = new Map();
  #next = 1;

  /** @param {() => void} run @param {number} delay */
  set = (run, delay) => {
    const id = this.#next++;
    this.#entries.set(id, { run, at: this.now + delay, delay });
    return id;
  };

  /** @param {number} id */
  clear = (id) => {
    this.#entries.delete(id);
  };

  /** Delays of the timers that are waiting, shortest first. */
  get waiting() {
    return [...this.#entries.values()].map(({ delay }) => delay).sort((a, b) => a - b);
  }

  /** Lets time pass until the next timer, and runs it. */
  next() {
    const [[, { at }]] = [...this.#entries].sort(([, a], [, b]) => a.at - b.at);
    this.pass(at - this.now);
  }

  /** Lets time pass; timers run in the order they fall due. */
  pass(milliseconds) {
    const end = this.now + milliseconds;
    for (;;) {
      const due = [...this.#entries].filter(([, { at }]) => at <= end);
      if (!due.length) break;
      const [id, entry] = due.sort(([, a], [, b]) => a.at - b.at)[0];
      this.#entries.delete(id);
      this.now = entry.at;
      entry.run();
    }
    this.now = end;
  }

  /** Puts these timers in the place of Node's for one test. */
  install(context) {
    const real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
    Object.assign(globalThis, { setTimeout: this.set, clearTimeout: this.clear });
    context.after(() => Object.assign(globalThis, real));
  }
}

/** A WebSocket that the test opens, feeds and closes. */
export class FakeSocket {
  /** @type {FakeSocket[]} */
  static made = [];
  readyState = 0;
  sent = [];
  closed = false;

  constructor(address) {
    this.address = String(address);
    FakeSocket.made.push(this);
  }

  static get last() {
    return FakeSocket.made.at(-1);
  }

  open() {
    this.readyState = 1;
    this.onopen?.();
  }

  receive(frame) {
    this.onmessage?.({ data: typeof frame === "string" ? frame : JSON.stringify(frame) });
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  /** The server's or the network's close. */
  end(code = 1006) {
    this.readyState = 3;
    this.onclose?.({ code });
  }

  close() {
    this.closed = true;
    this.readyState = 3;
  }
}

/** An EventSource that the test opens, feeds and breaks. */
export class FakeStream {
  /** @type {FakeStream[]} */
  static made = [];
  closed = false;
  #listeners = new Map();

  constructor(address, options = {}) {
    this.address = String(address);
    this.options = options;
    FakeStream.made.push(this);
  }

  static get last() {
    return FakeStream.made.at(-1);
  }

  addEventListener(type, listener) {
    this.#listeners.set(type, listener);
  }

  open() {
    this.onopen?.();
  }

  receive(type, data, lastEventId = "") {
    const event = { data: typeof data === "string" ? data : JSON.stringify(data), lastEventId };
    if (type === "message") this.onmessage?.(event);
    this.#listeners.get(type)?.(event);
  }

  fail() {
    this.onerror?.({ type: "error" });
  }

  close() {
    this.closed = true;
  }
}

/** Web Locks within one process: exclusive, with a line, `steal` and an aborted wait. */
export class FakeLocks {
  #held = new Map();
  #lines = new Map();

  request(name, options, held) {
    return new Promise((resolve, reject) => {
      const entry = { held, resolve, reject };
      if (options.steal) {
        const before = this.#held.get(name);
        this.#held.delete(name);
        before?.reject(new DOMException("stolen", "AbortError"));
        this.#grant(name, entry);
        return;
      }
      options.signal?.addEventListener("abort", () => {
        const line = this.#lines.get(name) ?? [];
        if (!line.includes(entry)) return;
        line.splice(line.indexOf(entry), 1);
        reject(new DOMException("aborted", "AbortError"));
      });
      if (this.#held.has(name)) this.#line(name).push(entry);
      else this.#grant(name, entry);
    });
  }

  #line(name) {
    if (!this.#lines.has(name)) this.#lines.set(name, []);
    return this.#lines.get(name);
  }

  #grant(name, entry) {
    this.#held.set(name, entry);
    Promise.resolve(entry.held({ name })).then((value) => {
      entry.resolve(value);
      if (this.#held.get(name) !== entry) return;
      this.#held.delete(name);
      const next = this.#line(name).shift();
      if (next) this.#grant(name, next);
    });
  }
}

/** sessionStorage or localStorage. */
export class FakeStorage {
  #values;

  constructor(values = {}) {
    this.#values = new Map(Object.entries(values));
  }

  getItem(key) {
    return this.#values.get(key) ?? null;
  }

  setItem(key, value) {
    this.#values.set(key, String(value));
  }

  removeItem(key) {
    this.#values.delete(key);
  }
}

/** Lets promises that are ready go on. */
export async function settle() {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}
