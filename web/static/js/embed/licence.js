// @ts-check
/**
 * One licence on this device: activates it, listens, and says the moment another device takes it.
 *
 * For a product page of one's own: `<licence-gate>` around what is protected (see product.html), or
 * `Licence` alone. The device is known by the instance that the server gave it, kept in
 * localStorage with the key; a fingerprint is not sent, because phones of one make share theirs.
 */

/** The longest wait before it listens again: doubled each time, with jitter, never given up. */
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

const GONE = "Lisensi ini tidak aktif lagi di perangkat ini.";
const AWAY = "Server tidak terjangkau. Coba lagi sebentar.";
const AWAY_AGAIN = "Server tidak terjangkau, mencoba lagi…";

/**
 * Events, each with `detail.reason`, what to tell a person: `active` (it may be used here), `revoked`
 * (no more), `refused` (was never let in), `away` (the server is not reached; nothing changes
 * meanwhile).
 */
export class Licence extends EventTarget {
  #name;
  /** @type {EventSource | null} */
  #stream = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #retryMs = FIRST_RETRY_MS;
  #turn = 0;
  #isActive = false;
  /** For a browser that keeps nothing: known until the page is left. @type {Kept | null} */
  #unkept = null;

  /** @param {string} [product] tells licences of several products on one site apart */
  constructor(product = "") {
    super();
    this.#name = `jaga_licence_${product}`;
  }

  /** @returns {Kept | null} */
  get kept() {
    try {
      const found = JSON.parse(localStorage.getItem(this.#name) ?? "null");
      const isOne = typeof found?.key === "string" && typeof found?.instance === "string";
      return isOne ? found : this.#unkept;
    } catch {
      return this.#unkept;
    }
  }

  /** Go on with the licence this device has, if it has one. */
  start() {
    const kept = this.kept;
    if (kept) void this.#validate(kept);
    // another tab of this device has lost it, or given it back, while this one did not listen
    else if (this.#isActive) this.#tell("revoked", GONE);
  }

  /** Try at once what waits to be tried again: the network is back. */
  retryNow() {
    if (this.#timer !== undefined) this.start();
  }

  /** Stop listening; the licence stays with this device. */
  stop() {
    this.#turn += 1;
    clearTimeout(this.#timer);
    this.#timer = undefined;
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
    const turn = this.#turn;
    const asked = key.trim().toUpperCase();
    const instance = this.kept?.key === asked ? this.kept.instance : "";
    const answer = await ask("activate", { license_key: asked, instance_id: instance });
    const given = answer?.body.activated ? answer.body.instance?.id : undefined;
    const isLate = turn !== this.#turn;
    // a page that was left meanwhile has taken it all the same; a later act knows better
    if (given && !(isLate && this.kept)) this.#keep({ key: asked, instance: given });
    if (isLate) return;
    if (given) {
      this.#listen({ key: asked, instance: given });
      return;
    }
    if (answer) this.#tell("refused", reasonOf(answer));
    else this.#tell("away", AWAY);
    if (this.kept) this.#later();
  }

  /**
   * Give the licence back, so that another device may take it.
   *
   * @returns {Promise<boolean>} false when the server was not reached: it stays here then
   */
  async deactivate() {
    const kept = this.kept;
    if (!kept) return true;
    this.stop();
    const turn = this.#turn;
    const answer = await ask("deactivate", { license_key: kept.key, instance_id: kept.instance });
    const isDone = Boolean(answer && (answer.status === 200 || REFUSALS.includes(answer.status)));
    if (isDone) this.#forget(kept);
    if (turn !== this.#turn) return isDone;
    if (isDone) this.#tell("revoked");
    else {
      this.#tell("away", AWAY);
      this.#later();
    }
    return isDone;
  }

  /** @param {Kept} kept */
  async #validate(kept) {
    this.stop();
    const turn = this.#turn;
    const answer = await ask("validate", { license_key: kept.key, instance_id: kept.instance });
    if (turn !== this.#turn) return;
    if (answer?.body.valid) this.#listen(kept);
    else if (answer && (answer.status === 200 || REFUSALS.includes(answer.status))) {
      this.#lose(kept, reasonOf(answer));
    } else {
      // too many tries, or a server that is away: no reason to lock anybody out
      this.#tell("away", AWAY_AGAIN);
      this.#later();
    }
  }

  /** @param {Kept} kept */
  #listen(kept) {
    const query = new URLSearchParams({ license_key: kept.key, instance_id: kept.instance });
    const stream = new EventSource(`/api/realtime/licence-stream?${query}`);
    this.#stream = stream;
    stream.addEventListener("connected", () => {
      this.#retryMs = FIRST_RETRY_MS;
      this.#tell("active");
    });
    stream.addEventListener("licence_revoked", (event) => {
      this.#lose(kept, JSON.parse(/** @type {MessageEvent} */ (event).data).reason);
    });
    stream.addEventListener("error", () => {
      if (stream.readyState !== EventSource.CLOSED || stream !== this.#stream) return;
      this.#tell("away", AWAY_AGAIN);
      this.#later();
    });
  }

  #later() {
    const wait = this.#retryMs * (0.5 + Math.random() / 2);
    this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.start(), wait);
  }

  /**
   * @param {Kept} lost
   * @param {string} [reason]
   */
  #lose(lost, reason) {
    this.stop();
    this.#forget(lost);
    // another tab of this very device took it anew: that is no loss
    if (this.kept) this.start();
    else this.#tell("revoked", reason);
  }

  /** @param {Kept} kept */
  #keep(kept) {
    try {
      localStorage.setItem(this.#name, JSON.stringify(kept));
      this.#unkept = null;
    } catch {
      this.#unkept = kept;
    }
  }

  /** @param {Kept} lost what is kept now may be another tab's */
  #forget(lost) {
    if (this.kept?.instance !== lost.instance) return;
    this.#unkept = null;
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
    if (type !== "away") this.#isActive = type === "active";
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
    return { status: response.status, body: (await response.json()) ?? {} };
  } catch {
    return null;
  }
}

/** @param {{body: any}} answer @returns {string} */
function reasonOf(answer) {
  return answer.body.error ?? answer.body.message ?? "";
}

/**
 * `<licence-gate product="…">`: shows its `[data-open]` while the licence is active here, else its
 * `[data-locked]` with a form that takes the key and a `[data-note]` that says why. Attribute `open`
 * and events `licence-open` and `licence-closed` tell the page.
 */
class LicenceGate extends HTMLElement {
  #leaving = new AbortController();
  /** @type {boolean | undefined} */
  #isOpen;

  connectedCallback() {
    const licence = new Licence(this.getAttribute("product") ?? "");
    const { signal } = (this.#leaving = new AbortController());
    licence.addEventListener("active", () => this.#show(true), { signal });
    for (const type of ["revoked", "refused"]) {
      licence.addEventListener(type, (event) => this.#show(false, reasonIn(event)), { signal });
    }
    licence.addEventListener("away", (event) => this.#note(reasonIn(event)), { signal });
    const form = this.querySelector("form");
    form?.addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        void licence.activate(String(new FormData(form).get("key") ?? ""));
      },
      { signal },
    );
    signal.addEventListener("abort", () => licence.stop());
    addEventListener("pagehide", () => licence.stop(), { signal });
    addEventListener("pageshow", (event) => event.persisted && licence.start(), { signal });
    addEventListener("online", () => licence.retryNow(), { signal });
    licence.start();
  }

  disconnectedCallback() {
    this.#leaving.abort();
  }

  /**
   * @param {boolean} open
   * @param {string} [note]
   */
  #show(open, note = "") {
    this.#note(note);
    if (open === this.#isOpen) return;
    this.#isOpen = open;
    this.toggleAttribute("open", open);
    for (const part of this.#parts("[data-open]")) part.hidden = !open;
    for (const part of this.#parts("[data-locked]")) part.hidden = open;
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

/** @param {Event} event @returns {string} */
function reasonIn(event) {
  return /** @type {CustomEvent} */ (event).detail.reason;
}

customElements.define("licence-gate", LicenceGate);
