// @ts-check
/**
 * The portal's two questions: a phone number, then the code that was sent to it. Keeps everything
 * in memory, for a captive mini-browser has neither cookies nor storage.
 */

import { Unreachable, ask } from "./ask.js";

const UNREACHABLE = "Server tidak terjangkau. Periksa sambungan Anda, lalu coba lagi.";

/** The router is waited for by the server; longer than it waits there is no answer to come. */
const VERIFY_MS = 15_000;

class HotspotLogin extends HTMLElement {
  #phone = "";
  #listening = new AbortController();

  connectedCallback() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    this.#form("phone").addEventListener("submit", (event) => this.#askForCode(event), { signal });
    this.#form("code").addEventListener("submit", (event) => this.#verify(event), { signal });
    this.querySelector("[data-again]")?.addEventListener("click", () => this.#show("phone"), { signal });
  }

  disconnectedCallback() {
    this.#listening.abort();
  }

  /** @param {SubmitEvent} event */
  async #askForCode(event) {
    event.preventDefault();
    this.#phone = this.#value("#phone");
    const answer = await this.#send("phone", "/api/auth/request-otp", { phone_number: this.#phone });
    if (answer) this.#show("code");
  }

  /** @param {SubmitEvent} event */
  async #verify(event) {
    event.preventDefault();
    const { mac, ip, link } = this.dataset;
    const answer = await this.#send("code", "/api/auth/verify-otp", {
      phone_number: this.#phone,
      otp: this.#value("#code"),
      ...(mac && { mac }),
      ...(ip && { ip }),
      ...(link && { link_login_only: link }),
    });
    if (!answer) return;
    this.#show("done");
    this.#say(answer.hotspot);
    if (answer.hotspot.state === "bound" || answer.hotspot.state === "none") {
      location.assign(answer.redirect);
    }
  }

  /** @param {{state: string, message: string}} hotspot */
  #say({ message }) {
    const place = this.querySelector("[data-state]");
    if (place) place.textContent = message;
  }

  /**
   * @param {string} step
   * @param {string} path
   * @param {Record<string, string>} json
   * @returns {Promise<any | null>} the answer's body, null after a refusal, which is shown
   */
  async #send(step, path, json) {
    const button = /** @type {HTMLButtonElement} */ (this.#form(step).querySelector("[type=submit]"));
    button.disabled = true;
    this.#complain("");
    try {
      const answer = await ask(path, { json, deadlineMs: VERIFY_MS });
      if (answer.ok) return answer.body;
      this.#complain(answer.body.message ?? UNREACHABLE);
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      this.#complain(UNREACHABLE);
    } finally {
      button.disabled = false;
    }
    return null;
  }

  /** @param {string} text */
  #complain(text) {
    const place = this.querySelector(".form-message");
    if (place) place.textContent = text;
  }

  /** @param {string} step */
  #show(step) {
    this.#complain("");
    for (const part of this.querySelectorAll("[data-step]")) {
      const element = /** @type {HTMLElement} */ (part);
      element.hidden = element.dataset.step !== step;
    }
    /** @type {HTMLElement | null} */ (this.querySelector(`[data-step=${step}] input`))?.focus();
  }

  /** @param {string} step */
  #form(step) {
    return /** @type {HTMLFormElement} */ (this.querySelector(`form[data-step=${step}]`));
  }

  /** @param {string} selector */
  #value(selector) {
    return /** @type {HTMLInputElement} */ (this.querySelector(selector)).value.trim();
  }
}

customElements.define("hotspot-login", HotspotLogin);
