// @ts-check
/**
 * `<qr-login>`: the code on the login page that a phone lets this browser in with.
 *
 * Attribute `state`: `idle`, `loading`, `waiting`, `scanned`, `approved`, `rejected`, `expired`,
 * `failed`; the page shows the part whose `data-show` names it. The code alone opens nothing: what
 * collects the login is a cookie that script never sees.
 */

import { reply } from "../lib/ask.js";
import { asCountdown } from "../lib/clock.js";
import { getFingerprint } from "../session/fingerprint.js";
import { browserId } from "../session/identity.js";

const SECOND_MS = 1_000;

/** The server changes the picture this often; a moment later the new one is there. */
const ROTATE_MS = 30_000;
const ROTATE_SLACK_MS = 200;

/** The documented client: three tries, two seconds apart; then the page asks instead. */
const SOCKET_TRIES = 3;
const SOCKET_RETRY_MS = 2_000;
const POLL_MS = 2_000;

/** A socket that has said nothing for so long is mute: until it speaks, the page asks beside it. */
const FIRST_WORD_MS = 3_000;
const BEATS_BEFORE_MUTE = 2.5;

/** Wide enough for code and form together: there the code is shown without being asked for. */
const WIDE = "(min-width: 56rem)";

const LOGIN_CHANNEL = "jaga:login";
const HOME = "/dashboard";

class QrLogin extends HTMLElement {
  #token = "";
  #endsAtMs = 0;
  #tries = 0;
  #isMute = false;
  #beatMs = 0;
  #turn = 0;
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #ticking;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #rotating;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #retrying;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #silence;
  /** @type {AbortController | null} */ #listeners = null;

  connectedCallback() {
    this.#listeners = new AbortController();
    const { signal } = this.#listeners;
    this.addEventListener("click", (event) => this.#clicked(event), { signal });
    addEventListener("pagehide", () => this.#stop(), { signal });
    addEventListener("pageshow", (event) => event.persisted && this.#show("idle"), { signal });
    if (!document.hidden && matchMedia(WIDE).matches) void this.#begin();
    else this.#show("idle");
  }

  disconnectedCallback() {
    this.#listeners?.abort();
    this.#stop();
  }

  /** @param {Event} event */
  #clicked(event) {
    if (/** @type {Element} */ (event.target).closest("[data-begin]")) void this.#begin();
  }

  // Asking -------------------------------------------------------------------------------------

  async #begin() {
    this.#stop();
    this.#show("loading");
    const answer = await reply("/api/auth/qr/generate", {
      json: { browser_id: browserId(), fingerprint: getFingerprint(), delivery: "cookie" },
    });
    if (!this.isConnected) return;
    if (!answer?.ok) {
      this.#fail(answer?.body.message ?? "Server tidak terjangkau.");
      return;
    }
    this.#token = answer.body.token;
    this.#endsAtMs = Date.now() + answer.body.ttl_seconds * SECOND_MS;
    this.#tries = this.#turn = 0;
    this.#draw();
    this.#show("waiting");
    this.#ticking = setInterval(() => this.#tick(), SECOND_MS);
    this.#tick();
    this.#listen();
  }

  #draw() {
    const image = /** @type {HTMLImageElement} */ (this.querySelector("img"));
    image.src = `/api/auth/qr/image/${this.#token}?${this.#turn}`;
    this.#turn += 1;
    const wait = ROTATE_MS + (this.#turn === 1 ? ROTATE_SLACK_MS : 0);
    this.#rotating = setTimeout(() => this.#draw(), wait);
  }

  #tick() {
    const left = (this.#endsAtMs - Date.now()) / SECOND_MS;
    this.#write("left", asCountdown(left));
    // the server says so itself; this is for a line that is down
    if (left <= -2) this.#end("expired");
  }

  // Hearing ------------------------------------------------------------------------------------

  #listen() {
    if (typeof WebSocket === "undefined") {
      void this.#poll();
      return;
    }
    const address = new URL(`/api/auth/qr/ws/${this.#token}`, location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address);
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(data);
      if (frame.beat_seconds) this.#beatMs = frame.beat_seconds * SECOND_MS;
      this.#isMute = false;
      this.#expectWord(this.#beatMs * BEATS_BEFORE_MUTE || FIRST_WORD_MS);
      this.#hear(frame);
    };
    socket.onclose = () => this.#lost();
    this.#socket = socket;
    this.#expectWord(FIRST_WORD_MS);
  }

  /** @param {number} patience milliseconds */
  #expectWord(patience) {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      this.#isMute = true;
      void this.#poll();
    }, patience);
  }

  #lost() {
    clearTimeout(this.#silence);
    clearTimeout(this.#retrying);
    this.#socket = null;
    this.#tries += 1;
    if (this.#tries < SOCKET_TRIES) {
      this.#retrying = setTimeout(() => this.#listen(), SOCKET_RETRY_MS);
    } else {
      void this.#poll();
    }
  }

  async #poll() {
    clearTimeout(this.#retrying);
    const token = this.#token;
    const answer = await reply(`/api/auth/qr/status/${token}`);
    if (token !== this.#token) return;
    if (answer && answer.status < 500) this.#hear({ ...answer.body, event: answer.body.status });
    const asks = this.#isMute || !this.#socket;
    if (this.#token && asks) this.#retrying = setTimeout(() => void this.#poll(), POLL_MS);
  }

  /** @param {{event: string, match?: string | number}} frame */
  #hear(frame) {
    switch (frame.event) {
      case "ping":
        this.#socket?.send('{"event":"pong"}');
        break;
      case "scanned":
        this.#write("number", String(frame.match ?? ""));
        this.#show("scanned");
        break;
      case "approved":
        void this.#collect();
        break;
      case "rejected":
        this.#end("rejected");
        break;
      case "expired":
      case "not_found":
        this.#end("expired");
        break;
    }
  }

  async #collect() {
    const token = this.#token;
    this.#end("approved");
    const answer = await reply("/api/auth/qr/redeem", { json: { token } });
    if (!answer?.ok) {
      this.#fail(answer?.body.message ?? "Server tidak terjangkau.");
      return;
    }
    if (typeof BroadcastChannel !== "undefined") {
      new BroadcastChannel(LOGIN_CHANNEL).postMessage({ kind: "signed-in" });
    }
    location.assign(answer.body.redirect ?? HOME);
  }

  // Showing ------------------------------------------------------------------------------------

  /** @param {string} message */
  #fail(message) {
    this.#write("why", message);
    this.#end("failed");
  }

  /** @param {string} state */
  #end(state) {
    this.#stop();
    this.#show(state);
  }

  #stop() {
    clearInterval(this.#ticking);
    clearTimeout(this.#rotating);
    clearTimeout(this.#retrying);
    clearTimeout(this.#silence);
    this.#token = "";
    this.#isMute = false;
    if (this.#socket) {
      this.#socket.onmessage = this.#socket.onclose = null;
      this.#socket.close();
      this.#socket = null;
    }
  }

  /** @param {string} state */
  #show(state) {
    this.setAttribute("state", state);
    for (const part of /** @type {NodeListOf<HTMLElement>} */ (
      this.querySelectorAll("[data-show]")
    )) {
      part.hidden = !(part.dataset.show ?? "").split(" ").includes(state);
    }
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  #write(name, text) {
    const place = this.querySelector(`[data-text="${name}"]`);
    if (place && place.textContent !== text) place.textContent = text;
  }
}

customElements.define("qr-login", QrLogin);
