// @ts-check
/**
 * One licence on this device: activates it, listens, and says the moment another device takes it.
 *
 * For a product page of one's own: `<licence-gate>` around what is protected (see product.html), or
 * `Licence` alone. The device is known by the instance that the server gave it, kept in
 * localStorage with the key; a fingerprint is not sent, because phones of one make share theirs.
 */

/** Between two attempts to listen again; doubled each time, with jitter, never given up. */
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;

/** A question to the server that takes longer has lost its network. */
const DEADLINE_MS = 10_000;

/**
 * @typedef {object} Kept
 * @property {string} key
 * @property {string} instance
 */

/** What a server says of a licence that cannot be used here. */
const REFUSALS = [400, 403, 404, 409];

/**
 * Events: `active` (it may be used here), `revoked` (no more; `detail.reason`), `refused` (was never
 * let in; `detail.reason`), `away` (the server is not reached; nothing changes meanwhile).
 */
export class Licence extends EventTarget {
  #name;
  /** @type {EventSource | null} */
  #stream = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #retryMs = FIRST_RETRY_MS;
  #turn = 0;

  /** @param {string} [product] tells licences of several products on one site apart */
  constructor(product = "") {
    super();
    this.#name = `jaga_licence_${product}`;
  }

  /** @returns {Kept | null} */
  get kept() {
    try {
      const found = JSON.parse(localStorage.getItem(this.#name) ?? "null");
      return typeof found?.key === "string" && typeof found?.instance === "string" ? found : null;
    } catch {
      return null;
    }
  }

  /** Go on with the licence this device has, if it has one. */
  start() {
    const kept = this.kept;
    if (kept) void this.#validate(kept);
  }

  /** Stop listening; the licence stays with this device. */
  stop() {
    this.#turn += 1;
    clearTimeout(this.#timer);
    this.#stream?.close();
    this.#stream = null;
  }

  /**
   * Take the licence for this device.
   *
   * @param {string} key as it was mailed
   */
  async activate(key) {
    this.stop();
    const instance = this.kept?.key === key.trim() ? this.kept.instance : "";
    const answer = await ask("activate", { license_key: key, instance_id: instance });
    if (answer?.body.activated) {
      this.#keep({ key: key.trim(), instance: answer.body.instance.id });
      this.#listen();
    } else this.#tell(answer ? "refused" : "away", answer?.body.error);
  }

  /** Give the licence back, so that another device may take it. */
  async deactivate() {
    const kept = this.kept;
    this.stop();
    if (kept) await ask("deactivate", { license_key: kept.key, instance_id: kept.instance });
    this.#forget();
  }

  /** @param {Kept} kept */
  async #validate(kept) {
    this.stop();
    const turn = this.#turn;
    const answer = await ask("validate", { license_key: kept.key, instance_id: kept.instance });
    if (turn !== this.#turn) return;
    if (answer?.body.valid) this.#listen();
    else if (answer && (answer.status === 200 || REFUSALS.includes(answer.status))) {
      this.#lose(answer.body.error);
    } else {
      // too many tries, or a server that is away: no reason to lock anybody out
      this.#tell("away");
      this.#later();
    }
  }

  #listen() {
    const kept = this.kept;
    if (!kept) return;
    const query = new URLSearchParams({ license_key: kept.key, instance_id: kept.instance });
    const stream = new EventSource(`/api/realtime/licence-stream?${query}`);
    this.#stream = stream;
    stream.addEventListener("connected", () => {
      this.#retryMs = FIRST_RETRY_MS;
      this.#tell("active");
    });
    stream.addEventListener("licence_revoked", (event) => {
      this.#lose(JSON.parse(/** @type {MessageEvent} */ (event).data).reason);
    });
    stream.addEventListener("error", () => {
      if (stream.readyState !== EventSource.CLOSED || stream !== this.#stream) return;
      this.#tell("away");
      this.#later();
    });
  }

  #later() {
    const wait = this.#retryMs * (0.5 + Math.random());
    this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.start(), wait);
  }

  /** @param {string} [reason] */
  #lose(reason) {
    this.stop();
    this.#forget();
    this.#tell("revoked", reason);
  }

  /** @param {Kept} kept */
  #keep(kept) {
    try {
      localStorage.setItem(this.#name, JSON.stringify(kept));
    } catch {
      // a browser that keeps nothing asks for the key again with the next page
    }
  }

  #forget() {
    try {
      localStorage.removeItem(this.#name);
    } catch {
      // nothing was kept
    }
  }

  /**
   * @param {string} type
   * @param {string} [reason]
   */
  #tell(type, reason = "") {
    this.dispatchEvent(new CustomEvent(type, { detail: { reason } }));
  }
}

/**
 * @param {string} act
 * @param {Record<string, string>} body
 * @returns {Promise<{status: number, body: any} | null>} null when the server was not reached
 */
async function ask(act, body) {
  try {
    const response = await fetch(`/api/license/${act}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      cache: "no-store",
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    return { status: response.status, body: await response.json() };
  } catch {
    return null;
  }
}

/**
 * `<licence-gate product="…">`: shows its `[data-open]` while the licence is active here, else its
 * `[data-locked]` with a form that takes the key and a `[data-note]` that says why.
 */
class LicenceGate extends HTMLElement {
  /** @type {Licence | null} */
  #licence = null;
  #leave = () => this.#licence?.stop();
  /** @param {PageTransitionEvent} event */
  #back = (event) => event.persisted && this.#licence?.start();

  connectedCallback() {
    const licence = new Licence(this.getAttribute("product") ?? "");
    this.#licence = licence;
    licence.addEventListener("active", () => this.#show(true));
    for (const type of ["revoked", "refused"]) {
      licence.addEventListener(type, (event) => {
        this.#show(false, /** @type {CustomEvent} */ (event).detail.reason);
      });
    }
    licence.addEventListener("away", () => this.#note("Server tidak terjangkau, mencoba lagi…"));
    this.querySelector("form")?.addEventListener("submit", (event) => {
      event.preventDefault();
      const key = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget)).get("key");
      void licence.activate(String(key ?? ""));
    });
    addEventListener("pagehide", this.#leave);
    addEventListener("pageshow", this.#back);
    licence.start();
  }

  disconnectedCallback() {
    this.#licence?.stop();
    removeEventListener("pagehide", this.#leave);
    removeEventListener("pageshow", this.#back);
  }

  /**
   * @param {boolean} open
   * @param {string} [note]
   */
  #show(open, note = "") {
    for (const part of this.#parts("[data-open]")) part.hidden = !open;
    for (const part of this.#parts("[data-locked]")) part.hidden = open;
    this.#note(note);
    this.dispatchEvent(new CustomEvent(open ? "licence-open" : "licence-closed", { bubbles: true }));
  }

  /** @param {string} text */
  #note(text) {
    for (const part of this.#parts("[data-note]")) {
      part.textContent = text;
      part.hidden = !text;
    }
  }

  /** @param {string} selector @returns {NodeListOf<HTMLElement>} */
  #parts(selector) {
    return this.querySelectorAll(selector);
  }
}

customElements.define("licence-gate", LicenceGate);
