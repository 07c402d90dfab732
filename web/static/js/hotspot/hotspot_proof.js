// @ts-check
/**
 * `<hotspot-proof>`: the browser comes back from the router's own page. Takes the token out of the
 * address at once, asks what became of the device until there is an answer, and hands it on to
 * `<hotspot-connect>`.
 */

import { reply } from "../lib/ask.js";
import { HotspotConnect } from "./hotspot_connect.js";

const PROOF = "/api/hotspot/proof";

/** The server waits for the router by itself; this is for the time after. */
const AGAIN_MS = 3_000;
const PROOF_MS = 15_000;

/** A proof lives for two minutes; afterwards there is nothing to wait for. */
const PATIENCE_MS = 120_000;

class HotspotProof extends HTMLElement {
  #token = "";
  #untilMs = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  connectedCallback() {
    this.#token = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
    this.#untilMs = Date.now() + PATIENCE_MS;
    void this.#ask();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  async #ask() {
    const json = { token: this.#token };
    const answer = await reply(PROOF, { json, deadlineMs: PROOF_MS });
    if (!this.isConnected) return;
    const hotspot = answer?.ok ? answer.body.hotspot : null;
    const over = answer !== null && answer.status >= 400 && answer.status < 500;
    if (hotspot && hotspot.state !== "pending") this.#handOn(hotspot);
    else if (over || Date.now() > this.#untilMs) this.#handOn(LATE);
    else this.#timer = setTimeout(() => void this.#ask(), AGAIN_MS);
  }

  /** @param {{state: string, message: string}} outcome */
  #handOn(outcome) {
    const connect = this.parentElement?.querySelector("hotspot-connect");
    if (!(connect instanceof HotspotConnect)) throw new TypeError("hotspot-connect is missing");
    this.hidden = true;
    void connect.conclude(outcome);
  }
}

const LATE = {
  state: "unproven",
  message: "Waktunya habis. Sambungkan ulang Wi-Fi hotspot, lalu masuk lagi dari halaman yang terbuka.",
};

customElements.define("hotspot-proof", HotspotProof);
