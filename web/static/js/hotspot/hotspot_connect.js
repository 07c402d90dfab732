// @ts-check
/**
 * `<hotspot-connect hidden>`: what becomes of the device after its owner has logged in. It waits
 * for a router that is slow, lets the owner choose which device has to go, says what to do when
 * the router knows nothing, and ends at the member's own page or, where that would ask for a
 * login again, here.
 *
 * The bearer of the login is kept in this object and nowhere else: a mini-browser has no cookies.
 */

import { Unreachable, ask, reply } from "../lib/ask.js";
import { part } from "../lib/dom.js";
import { ConnectViews } from "./connect_views.js";
import { Approval } from "./hotspot_approval.js";
import { HotspotHandover } from "./hotspot_handover.js";
import { ENDS, choice, isKeptOut, wordsOf } from "./hotspot_outcomes.js";
import { RouterWait, hasTakenIn } from "./router_wait.js";
import { isMiniBrowser } from "./mini_browser.js";
import { CUT_OFF, whyNotNow } from "../lib/words.js";

const BIND = "/api/hotspot/bind";
const MINE = "/api/hotspot";
const PORTAL = "/hotspot/login";

/** The router is waited for by the server. */
const BIND_MS = 15_000;

/** @typedef {import("./hotspot_outcomes.js").Device} Device */
/** @typedef {import("./hotspot_outcomes.js").Hotspot} Hotspot */

export class HotspotConnect extends HTMLElement {
  #bearer = "";
  /** @type {Record<string, string>} */ #told = {};
  /** @type {Hotspot | null} */ #hotspot = null;
  #views = new ConnectViews(this);
  #listening = new AbortController();
  #wait = new RouterWait({
    look: () => this.#look(),
    onTaken: (hotspot) => this.#turn({ ...hotspot, state: "bound" }),
    onPatienceOver: () => this.#bind(),
  });
  /** @type {Approval | undefined} */ #approval;
  #chosen = false;

  connectedCallback() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    this.addEventListener("click", (event) => this.#clicked(event), { signal });
    this.addEventListener("handover-over", () => this.#end(ENDS.handedOver), { signal });
  }

  disconnectedCallback() {
    this.#listening.abort();
    this.#approval?.stop();
    this.#wait.stop();
  }

  /**
   * @param {{access_token: string, approved: boolean, hotspot: Hotspot}} answer of the login
   * @param {Record<string, string>} told what the router said of this device
   */
  async begin({ access_token, approved, hotspot }, told) {
    this.#bearer = access_token;
    if (!approved) {
      await this.awaitApproval(told);
      return;
    }
    this.#told = told;
    this.hidden = false;
    await this.#turn(hotspot);
  }

  /**
   * Waits until an operator has approved a newcomer, and goes on with the device then.
   *
   * @param {Record<string, string>} told what the router said of this device
   */
  async awaitApproval(told) {
    this.#told = told;
    this.hidden = false;
    this.#views.show("approval");
    this.#approval = new Approval(this.#bearer, (approved) => {
      if (approved) void this.resume(told);
      else this.#end(ENDS.over);
    });
    await this.#approval.follow();
  }

  /**
   * Takes in the device of a member who is logged in already, by this browser's cookie.
   *
   * @param {Record<string, string>} told what the router said of this device
   */
  async resume(told) {
    this.#told = told;
    this.hidden = false;
    this.#views.show("waiting");
    await this.#bind();
  }

  /**
   * Shows what became of a device that has logged in at the router itself, on the way back from
   * there: a page of its own, which has a cookie or knows nothing of the account.
   *
   * @param {{state: string, message: string}} outcome
   */
  async conclude(outcome) {
    this.hidden = false;
    const answer = await reply(MINE);
    if (answer?.ok) await this.#turn({ ...answer.body.hotspot, ...outcome });
    else if (outcome.state === "bound") this.#views.done("Anda tersambung", outcome.message);
    else this.#views.advise(outcome.message);
  }

  /** @param {Hotspot} hotspot what became of the device */
  async #turn(hotspot) {
    this.#hotspot = hotspot;
    this.#wait.stop();
    if (hotspot.state === "bound" || hotspot.state === "none") await this.#arrive(hotspot);
    else if (hotspot.state === "pending") this.#await();
    else if (hotspot.state === "full") this.#choose(hotspot.devices);
    else if (hotspot.state === "prove") this.#prove(hotspot);
    else this.#views.advise(hotspot.message);
  }

  /** @param {Event} event */
  #clicked(event) {
    const act = /** @type {Element} */ (event.target).closest("[data-act]")?.getAttribute("data-act");
    if (act === "retry") void this.#bind();
    if (act === "replace") void this.#replace();
    if (act === "cancel") this.#views.advise("Tidak ada yang diganti. Perangkat ini belum tersambung.");
    if (act === "begin-again") beginAgain();
  }

  // The router's answer is still to come -----------------------------------------------------------

  #await() {
    if (!this.#views.isShown("waiting")) this.#views.show("waiting");
    const before = this.#hotspot?.devices ?? [];
    this.#wait.begin((devices) => hasTakenIn(devices, before, this.#mac));
  }

  /** @returns {Promise<Hotspot | null | undefined>} undefined where nobody answered, null to stop */
  async #look() {
    const answer = await this.#ask(MINE);
    if (this.hidden || !this.#views.isShown("waiting")) return null;
    return answer?.ok ? answer.body.hotspot : undefined;
  }

  /** @param {Record<string, string>} [more] */
  async #bind(more = {}) {
    this.#wait.stop();
    this.#views.occupy(true);
    const answer = await this.#ask(BIND, { ...this.#told, ...more });
    this.#views.occupy(false);
    if (answer?.ok) await this.#turn(answer.body.hotspot);
    else if (this.#views.isShown("waiting")) this.#await();
    else this.#views.complain(whyNotNow(answer, CUT_OFF));
  }

  // The router wants to see the device ----------------------------------------------------------------

  /** @param {Hotspot} hotspot the choice comes first: on the way back there is no asking any more */
  #prove({ devices, device_limit, login_url = "", has_room = false }) {
    const known = has_room || devices.some(({ mac }) => mac === this.#mac);
    if (devices.length >= device_limit && !known && !this.#chosen) this.#choose(devices);
    else location.assign(login_url);
  }

  /** This device's MAC as the server writes it, undefined where the router said none. */
  get #mac() {
    return this.#told.mac?.toUpperCase().replaceAll("-", ":");
  }

  // Too many devices -------------------------------------------------------------------------------

  /** @param {Device[]} devices */
  #choose(devices) {
    const byAge = [...devices].sort((one, other) => one.seen_at - other.seen_at);
    part(this, "[data-devices]").replaceChildren(...byAge.map(choice));
    this.#views.show("full");
  }

  async #replace() {
    const chosen = this.querySelector("[data-devices] input:checked");
    if (chosen instanceof HTMLInputElement) {
      this.#chosen = true;
      await this.#bind({ replace: chosen.value });
    } else this.#views.complain("Pilih dulu perangkat yang ingin diganti.");
  }

  // It is through ------------------------------------------------------------------------------------

  /** @param {Hotspot} hotspot */
  async #arrive(hotspot) {
    const cookies = (await reply(MINE))?.ok ?? false;
    if (cookies && !isMiniBrowser(navigator.userAgent)) {
      location.replace(hotspot.page);
      return;
    }
    const [title, text] = wordsOf(hotspot);
    const why = /** @type {HTMLAnchorElement} */ (part(this, "[data-why]"));
    why.hidden = !isKeptOut(hotspot);
    why.href = hotspot.page;
    const mine = /** @type {HTMLAnchorElement} */ (part(this, "[data-mine]"));
    mine.hidden = !cookies;
    const handover = this.querySelector("hotspot-handover");
    if (handover instanceof HotspotHandover) handover.offer(this.#bearer);
    this.#views.done(title, text);
  }

  // The session is over ------------------------------------------------------------------------------

  /** @param {{title: string, text: string}} words why */
  #end(words) {
    this.#wait.stop();
    this.#bearer = "";
    this.#views.over(words);
  }

  /**
   * @param {string} path
   * @param {Record<string, string>} [json]
   * @returns {Promise<import("../lib/ask.js").Answer | null>} null when nobody answered
   */
  async #ask(path, json) {
    try {
      const answer = await ask(path, { json, bearer: this.#bearer, deadlineMs: BIND_MS });
      if (answer.status === 401 || answer.status === 419) this.#end(ENDS.over);
      return answer;
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      return null;
    }
  }
}

/** The portal's own address says which device this is; another page leads to the portal. */
function beginAgain() {
  if (location.pathname === PORTAL) location.reload();
  else location.assign(PORTAL);
}

customElements.define("hotspot-connect", HotspotConnect);
