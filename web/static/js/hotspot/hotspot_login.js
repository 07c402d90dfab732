// @ts-check
/**
 * `<hotspot-login>`: the portal's questions: a phone number, the code that was sent to it, or a
 * name for a newcomer. What comes after the code is `<hotspot-connect>`'s.
 *
 * Everything is kept in memory and in the address's fragment, for a captive mini-browser has
 * neither cookies nor storage, and closes when its owner looks the code up.
 */

import { Unreachable, ask } from "../lib/ask.js";
import { asCountdown, inWords } from "../lib/clock.js";
import { codeIn, fragmentOf, waitingIn } from "./hotspot_code.js";
import { HotspotConnect } from "./hotspot_connect.js";

const UNREACHABLE = "Server tidak terjangkau. Periksa sambungan Anda, lalu coba lagi.";

/** The router is waited for by the server; longer than it waits there is no answer to come. */
const VERIFY_MS = 15_000;

const SECOND_MS = 1_000;

/** How often, and how many times, a page asks whether its code could be sent at all: half as long
 * again as a gateway may take. */
const SENDING_MS = 3_000;
const SENDING_TRIES = 5;

class HotspotLogin extends HTMLElement {
  #phone = "";
  #resendAt = 0;
  #busy = false;
  #listening = new AbortController();
  /** @type {ReturnType<typeof setInterval> | undefined} */ #countdown;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #sending;

  connectedCallback() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    this.#on("phone", () => this.#askForCode(), signal);
    this.#on("code", () => this.#verify(), signal);
    if (this.querySelector("form[data-step=register]")) {
      this.#on("register", () => this.#register(), signal);
    }
    this.#input("#code").addEventListener("input", () => this.#typed(), { signal });
    this.#input("#code").addEventListener("paste", (event) => this.#pasted(event), { signal });
    this.addEventListener("click", (event) => this.#clicked(event), { signal });
    if (this.hasAttribute("data-waits")) this.#handOn((connect) => connect.awaitApproval(this.#told));
    else this.#returnToCode();
  }

  disconnectedCallback() {
    this.#listening.abort();
    clearInterval(this.#countdown);
    clearInterval(this.#sending);
  }

  /**
   * @param {string} step
   * @param {() => Promise<void>} act
   * @param {AbortSignal} signal
   */
  #on(step, act, signal) {
    const submitted = (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      void act();
    };
    this.#form(step).addEventListener("submit", submitted, { signal });
  }

  /** @param {Event} event */
  #clicked(event) {
    const button = /** @type {Element} */ (event.target).closest("[data-go]");
    const where = button?.getAttribute("data-go");
    if (where === "code") this.#goToCode();
    else if (where === "again") void this.#askForCode();
    else if (where === "connect") this.#handOn((connect) => connect.resume(this.#told));
    else if (where) this.#goTo(where);
  }

  // The phone ------------------------------------------------------------------------------------

  async #askForCode() {
    if (this.#isShown("phone")) this.#phone = this.#input("#phone").value.trim();
    const step = this.#isShown("code") ? "code" : "phone";
    const body = await this.#send(step, "/api/auth/request-otp", { phone_number: this.#phone });
    if (!body) return;
    this.#phone = body.phone_number;
    this.#resendAt = Date.now() / 1000 + body.resend_in;
    this.#awaitCode();
    this.#watchSending(body.ticket);
  }

  /** Whoever has a code already goes on with it, after a look into WhatsApp for example. */
  #goToCode() {
    const phone = this.#input("#phone").value.trim();
    if (!phone) {
      this.#complain("Tulis dulu nomor HP yang menerima kode itu.", "#phone");
      return;
    }
    this.#phone = phone;
    this.#awaitCode();
  }

  #returnToCode() {
    const waiting = waitingIn(location.hash);
    if (!waiting) return;
    this.#phone = waiting.phone;
    this.#resendAt = waiting.resendAt;
    this.#input("#phone").value = waiting.phone;
    this.#awaitCode();
  }

  #awaitCode() {
    const waiting = { phone: this.#phone, resendAt: this.#resendAt };
    history.replaceState(history.state, "", location.pathname + location.search + fragmentOf(waiting));
    this.#write("[data-phone]", this.#phone);
    this.#show("code");
    this.#countDown();
    clearInterval(this.#countdown);
    this.#countdown = setInterval(() => this.#countDown(), SECOND_MS);
  }

  /**
   * The gateway may refuse a code after the page has its answer; then another can be asked for.
   * @param {string} ticket empty when an earlier code is still the one
   */
  #watchSending(ticket) {
    clearInterval(this.#sending);
    if (!ticket) return;
    let tries = SENDING_TRIES;
    this.#sending = setInterval(async () => {
      if (--tries <= 0 || !this.#isShown("code")) clearInterval(this.#sending);
      const answer = await ask(`/api/auth/otp/${ticket}`).catch(() => null);
      if (answer?.body.state !== "failed" || !this.#isShown("code")) return;
      clearInterval(this.#sending);
      this.#resendAt = 0;
      this.#countDown();
      this.#complain(answer.body.message);
    }, SENDING_MS);
  }

  /** Another code may be asked for only when the one before has had its time to come. */
  #countDown() {
    const left = this.#resendAt - Date.now() / 1000;
    const button = /** @type {HTMLButtonElement} */ (this.querySelector('[data-go="again"]'));
    button.disabled = left > 0 || this.#busy;
    button.textContent = left > 0 ? `Kirim ulang dalam ${asCountdown(left)}` : "Kirim ulang kode";
    if (left <= 0) clearInterval(this.#countdown);
  }

  // The code -------------------------------------------------------------------------------------

  /** @param {ClipboardEvent} event the whole message may be pasted */
  #pasted(event) {
    const code = codeIn(event.clipboardData?.getData("text") ?? "");
    if (!code) return;
    event.preventDefault();
    this.#input("#code").value = code;
    void this.#verify();
  }

  #typed() {
    const field = this.#input("#code");
    const code = codeIn(field.value);
    field.value = code || field.value.replace(/\D/g, "").slice(0, 6);
    if (code) void this.#verify();
  }

  async #verify() {
    if (this.#busy) return;
    const code = codeIn(this.#input("#code").value);
    if (!code) {
      this.#complain("Kode terdiri dari 6 angka.", "#code");
      return;
    }
    const body = await this.#send("code", "/api/auth/verify-otp", {
      phone_number: this.#phone,
      otp: code,
      ...this.#told,
    });
    if (!body) return;
    history.replaceState(history.state, "", location.pathname + location.search);
    this.#handOn((connect) => connect.begin(body, this.#told));
  }

  /** @param {(connect: HotspotConnect) => Promise<void>} act what comes after the questions */
  #handOn(act) {
    const connect = this.parentElement?.querySelector("hotspot-connect");
    if (!(connect instanceof HotspotConnect)) throw new TypeError("hotspot-connect is missing");
    this.hidden = true;
    void act(connect);
  }

  /** What the router said of this device. @returns {Record<string, string>} */
  get #told() {
    const { mac, ip, link } = this.dataset;
    return { ...(mac && { mac }), ...(ip && { ip }), ...(link && { link_login_only: link }) };
  }

  // A newcomer -----------------------------------------------------------------------------------

  async #register() {
    const phone = this.#input("#new-phone").value.trim();
    const name = this.#input("#name").value.trim();
    const body = await this.#send("register", "/api/auth/register", { phone_number: phone, name });
    if (!body) return;
    this.#phone = body.phone_number;
    this.#input("#phone").value = this.#phone;
    this.#resendAt = Date.now() / 1000 + body.resend_in;
    this.#awaitCode();
    this.#watchSending(body.ticket);
  }

  // What is shown --------------------------------------------------------------------------------

  /** @param {string} step by a button of the page */
  #goTo(step) {
    if (step === "register") this.#input("#new-phone").value ||= this.#input("#phone").value;
    if (step === "phone") history.replaceState(history.state, "", location.pathname + location.search);
    this.#show(step);
  }

  /**
   * @param {string} step
   * @param {string} path
   * @param {Record<string, string>} json
   * @returns {Promise<any | null>} the answer's body, null after a refusal, which is shown
   */
  async #send(step, path, json) {
    if (this.#busy) return null;
    this.#complain("");
    this.#occupy(step, true);
    try {
      const answer = await ask(path, { json, deadlineMs: VERIFY_MS });
      if (answer.ok) return answer.body;
      this.#complain(inOwnWords(answer), FIELDS[answer.body.field] ?? `form[data-step=${step}] input`);
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      this.#complain(UNREACHABLE);
    } finally {
      this.#occupy(step, false);
    }
    return null;
  }

  /**
   * @param {string} step
   * @param {boolean} busy
   */
  #occupy(step, busy) {
    this.#busy = busy;
    const button = /** @type {HTMLButtonElement} */ (this.#form(step).querySelector("[type=submit]"));
    button.disabled = busy;
    button.setAttribute("aria-busy", String(busy));
    if (step === "code") this.#countDown();
  }

  /**
   * @param {string} text nothing takes a complaint back
   * @param {string} [field] which to correct
   */
  #complain(text, field) {
    for (const place of this.querySelectorAll(".form-message")) {
      place.textContent = isVisible(place) ? text : "";
    }
    for (const input of this.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
    const input = field ? [...this.querySelectorAll(field)].find(isVisible) : null;
    if (!(input instanceof HTMLInputElement)) return;
    input.setAttribute("aria-invalid", "true");
    input.focus();
    input.select();
  }

  /** @param {string} step */
  #show(step) {
    this.#complain("");
    for (const part of this.querySelectorAll("[data-step]")) {
      const element = /** @type {HTMLElement} */ (part);
      element.hidden = element.dataset.step !== step;
    }
    const part = this.querySelector(`[data-step=${step}]`);
    const begin = part?.querySelector("input") ?? part?.querySelector("h1");
    begin?.focus();
  }

  /** @param {string} step */
  #isShown(step) {
    return !this.#form(step).hidden;
  }

  /** @param {string} step */
  #form(step) {
    return /** @type {HTMLFormElement} */ (this.querySelector(`form[data-step=${step}]`));
  }

  /** @param {string} selector */
  #input(selector) {
    return /** @type {HTMLInputElement} */ (this.querySelector(selector));
  }

  /**
   * @param {string} selector
   * @param {string} text
   */
  #write(selector, text) {
    for (const place of this.querySelectorAll(selector)) place.textContent = text;
  }
}

/** Where the server's names of fields are on this page. @type {Record<string, string>} */
const FIELDS = { phone_number: "#phone, #new-phone", name: "#name", otp: "#code" };

/** @param {import("../lib/ask.js").Answer} answer a refusal */
function inOwnWords({ body, retryAfter }) {
  if (body.type === "RATE_LIMIT" && retryAfter) {
    return `Terlalu banyak percobaan. Coba lagi dalam ${inWords(retryAfter)}.`;
  }
  return body.message ?? UNREACHABLE;
}

/** @param {Element} element */
function isVisible(element) {
  return element.closest("[hidden]") === null;
}

customElements.define("hotspot-login", HotspotLogin);
