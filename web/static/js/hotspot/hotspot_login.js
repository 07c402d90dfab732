// @ts-check
/**
 * `<hotspot-login>`: the portal's questions: a phone number, the code that was sent to it, or a
 * name for a newcomer. What comes after the code is `<hotspot-connect>`'s.
 *
 * Everything is kept in memory and in the address's fragment, for a captive mini-browser has
 * neither cookies nor storage, and closes when its owner looks the code up.
 */

import { Unreachable, ask } from "../lib/ask.js";
import { part } from "../lib/dom.js";
import { codeIn, fragmentOf, waitingIn } from "./hotspot_code.js";
import { HotspotConnect } from "./hotspot_connect.js";
import { PortalSteps } from "./portal_steps.js";
import { HotspotResend } from "./hotspot_resend.js";
import { CUT_OFF, whyNotNow } from "../lib/words.js";

/** The router is waited for by the server; longer than it waits there is no answer to come. */
const VERIFY_MS = 15_000;

class HotspotLogin extends HTMLElement {
  #steps = new PortalSteps(this);
  #phone = "";
  #resendAt = 0;
  #busy = false;
  #listening = new AbortController();
  #resend = new HotspotResend({
    button: part(this, '[data-go="again"]'),
    isAwaited: () => this.#steps.isShown("code"),
    onFailed: (why) => {
      this.#resendAt = 0;
      this.#steps.complain(why);
    },
  });

  connectedCallback() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    this.#on("phone", () => this.#askForCode(), signal);
    this.#on("code", () => this.#verify(), signal);
    if (this.querySelector("form[data-step=register]")) {
      this.#on("register", () => this.#register(), signal);
    }
    this.#steps.input("#code").addEventListener("input", () => this.#typed(), { signal });
    this.#steps.input("#code").addEventListener("paste", (event) => this.#pasted(event), { signal });
    this.addEventListener("click", (event) => this.#clicked(event), { signal });
    if (this.hasAttribute("data-waits")) this.#handOn((connect) => connect.awaitApproval(this.#told));
    else this.#returnToCode();
  }

  disconnectedCallback() {
    this.#listening.abort();
    this.#resend.stop();
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
    this.#steps.form(step).addEventListener("submit", submitted, { signal });
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
    if (this.#steps.isShown("phone")) this.#phone = this.#steps.input("#phone").value.trim();
    const step = this.#steps.isShown("code") ? "code" : "phone";
    const body = await this.#send(step, "/api/auth/request-otp", { phone_number: this.#phone });
    if (!body) return;
    this.#phone = body.phone_number;
    this.#resendAt = Date.now() / 1000 + body.resend_in;
    this.#awaitCode();
    this.#resend.watch(body.ticket);
  }

  /** Whoever has a code already goes on with it, after a look into WhatsApp for example. */
  #goToCode() {
    const phone = this.#steps.input("#phone").value.trim();
    if (!phone) {
      this.#steps.complain("Tulis dulu nomor HP yang menerima kode itu.", "#phone");
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
    this.#steps.input("#phone").value = waiting.phone;
    this.#awaitCode();
  }

  #awaitCode() {
    const waiting = { phone: this.#phone, resendAt: this.#resendAt };
    history.replaceState(history.state, "", location.pathname + location.search + fragmentOf(waiting));
    this.#steps.write("[data-phone]", this.#phone);
    this.#steps.show("code");
    this.#resend.await(this.#resendAt);
  }

  // The code -------------------------------------------------------------------------------------

  /** @param {ClipboardEvent} event the whole message may be pasted */
  #pasted(event) {
    const code = codeIn(event.clipboardData?.getData("text") ?? "");
    if (!code) return;
    event.preventDefault();
    this.#steps.input("#code").value = code;
    void this.#verify();
  }

  #typed() {
    const field = this.#steps.input("#code");
    const code = codeIn(field.value);
    field.value = code || field.value.replace(/\D/g, "").slice(0, 6);
    if (code) void this.#verify();
  }

  async #verify() {
    if (this.#busy) return;
    const code = codeIn(this.#steps.input("#code").value);
    if (!code) {
      this.#steps.complain("Kode terdiri dari 6 angka.", "#code");
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
    const phone = this.#steps.input("#new-phone").value.trim();
    const name = this.#steps.input("#name").value.trim();
    const body = await this.#send("register", "/api/auth/register", { phone_number: phone, name });
    if (!body) return;
    this.#phone = body.phone_number;
    this.#steps.input("#phone").value = this.#phone;
    this.#resendAt = Date.now() / 1000 + body.resend_in;
    this.#awaitCode();
    this.#resend.watch(body.ticket);
  }

  // What is shown --------------------------------------------------------------------------------

  /** @param {string} step by a button of the page */
  #goTo(step) {
    if (step === "register") this.#steps.input("#new-phone").value ||= this.#steps.input("#phone").value;
    if (step === "phone") history.replaceState(history.state, "", location.pathname + location.search);
    this.#steps.show(step);
  }

  /**
   * @param {string} step
   * @param {string} path
   * @param {Record<string, string>} json
   * @returns {Promise<import("../lib/ask.js").Answer["body"] | null>} the answer's body, null after a refusal, which is shown
   */
  async #send(step, path, json) {
    if (this.#busy) return null;
    this.#steps.complain("");
    this.#isBusy(step, true);
    try {
      const answer = await ask(path, { json, deadlineMs: VERIFY_MS });
      if (answer.ok) return answer.body;
      this.#steps.complain(whyNotNow(answer, CUT_OFF), FIELDS[answer.body.field] ?? `form[data-step=${step}] input`);
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      this.#steps.complain(CUT_OFF);
    } finally {
      this.#isBusy(step, false);
    }
    return null;
  }

  /**
   * @param {string} step
   * @param {boolean} busy
   */
  #isBusy(step, busy) {
    this.#busy = busy;
    this.#steps.occupy(step, busy);
    this.#resend.hold(busy);
  }
}

/** Where the server's names of fields are on this page. @type {Record<string, string>} */
const FIELDS = { phone_number: "#phone, #new-phone", name: "#name", otp: "#code" };

customElements.define("hotspot-login", HotspotLogin);
