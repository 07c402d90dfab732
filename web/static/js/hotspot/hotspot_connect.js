// @ts-check
/**
 * `<hotspot-connect hidden>`: what becomes of the device after its owner has logged in. It waits
 * for a router that is slow, lets the owner choose which device has to go, says what to do when
 * the router knows nothing, and ends at the member's own page or, where that would ask for a
 * login again, here.
 *
 * The bearer of the login is kept in this object and nowhere else: a mini-browser has no cookies.
 */

import { Unreachable, ask } from "../lib/ask.js";
import { inWords } from "../lib/clock.js";
import { Approval } from "./hotspot_approval.js";
import { HotspotHandover } from "./hotspot_handover.js";
import { isMiniBrowser } from "./mini_browser.js";
import { sizeOf } from "../lib/sizes.js";

const BIND = "/api/hotspot/bind";
const MINE = "/api/hotspot";
const PORTAL = "/hotspot/login";

/** The router is waited for by the server. */
const BIND_MS = 15_000;

/** A look costs the server next to nothing; the question to the router costs it a print. */
const LOOK_MS = 3_000;
const FIRST_BIND_MS = 15_000;
const LONGEST_BIND_MS = 60_000;

const UNREACHABLE = "Server tidak terjangkau. Periksa sambungan Anda, lalu coba lagi.";

/** What keeps a device out although its owner is in. @type {Record<string, [string, string]>} */
const WITHOUT = {
  habis: ["Kuota sudah habis", "Anda sudah masuk, tetapi internet baru jalan lagi setelah ada paket."],
  expired: [
    "Masa aktif sudah habis",
    "Anda sudah masuk, tetapi internet baru jalan lagi setelah ada paket baru.",
  ],
  inactive: ["Akun belum aktif", "Pengelola belum menyetujui nomor ini, atau akun sedang nonaktif."],
};

/** @typedef {{id: string, mac: string, name: string, seen_at: number}} Device */
/** @typedef {{state: string, message: string, status: string, page: string, waiting?: boolean,
 *   pending: boolean, agreed_on: string[], unlimited: boolean, purchased_bytes: number, remaining_bytes: number,
 *   devices: Device[], device_limit: number, login_url?: string, has_room?: boolean}} Hotspot */

export class HotspotConnect extends HTMLElement {
  #bearer = "";
  /** @type {Record<string, string>} */ #told = {};
  /** @type {Hotspot | null} */ #hotspot = null;
  #listening = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #lookTimer;
  /** @type {Approval | undefined} */ #approval;
  #chosen = false;
  #bindAtMs = 0;
  #bindWaitMs = FIRST_BIND_MS;

  connectedCallback() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    this.addEventListener("click", (event) => this.#clicked(event), { signal });
    this.addEventListener("handover-over", () => this.#end(HANDED_OVER), { signal });
  }

  disconnectedCallback() {
    this.#listening.abort();
    this.#approval?.stop();
    clearTimeout(this.#lookTimer);
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
    this.#show("approval");
    this.#approval = new Approval(this.#bearer, (approved) => {
      if (approved) void this.resume(told);
      else this.#end(OVER);
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
    this.#show("waiting");
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
    const answer = await ask(MINE).catch(() => null);
    if (answer?.ok) await this.#turn({ ...answer.body.hotspot, ...outcome });
    else if (outcome.state === "bound") this.#sayDone("Anda tersambung", outcome.message);
    else this.#advise(outcome.message);
  }

  /** @param {Hotspot} hotspot what became of the device */
  async #turn(hotspot) {
    this.#hotspot = hotspot;
    clearTimeout(this.#lookTimer);
    if (hotspot.state === "bound" || hotspot.state === "none") await this.#arrive(hotspot);
    else if (hotspot.state === "pending") this.#await();
    else if (hotspot.state === "full") this.#choose(hotspot.devices);
    else if (hotspot.state === "prove") this.#prove(hotspot);
    else this.#advise(hotspot.message);
  }

  /** @param {Event} event */
  #clicked(event) {
    const act = /** @type {Element} */ (event.target).closest("[data-act]")?.getAttribute("data-act");
    if (act === "retry") void this.#bind();
    if (act === "replace") void this.#replace();
    if (act === "cancel") this.#advise("Tidak ada yang diganti. Perangkat ini belum tersambung.");
    if (act === "begin-again") beginAgain();
  }

  // The router's answer is still to come -----------------------------------------------------------

  #await() {
    if (!this.#isShown("waiting")) this.#show("waiting");
    this.#bindAtMs = Date.now() + this.#bindWaitMs;
    this.#lookTimer = setTimeout(() => void this.#look(), LOOK_MS);
  }

  /** Looks whether the router has been heard of; only then, or after long, it is asked again. */
  async #look() {
    const answer = await this.#ask(MINE);
    if (this.hidden || !this.#isShown("waiting")) return;
    const mine = answer?.ok ? /** @type {Hotspot} */ (answer.body.hotspot) : null;
    // another router that is away is no reason to wait at this one
    const settled = mine !== null && !mine.waiting && (!mine.pending || mine.agreed_on.length > 0);
    if (settled && this.#hasTakenIn(mine.devices)) {
      await this.#turn({ ...mine, state: "bound" });
    } else if (settled || Date.now() >= this.#bindAtMs) {
      this.#bindWaitMs = Math.min(this.#bindWaitMs * 1.5, LONGEST_BIND_MS);
      await this.#bind();
    } else this.#lookTimer = setTimeout(() => void this.#look(), LOOK_MS);
  }

  /**
   * Whether a pass has taken this device in: it is on the list, or was put there since. To ask the
   * router again would be too early: it has dropped the device's row to judge it anew.
   *
   * @param {Device[]} devices
   */
  #hasTakenIn(devices) {
    const before = Math.max(0, ...(this.#hotspot?.devices ?? []).map(({ seen_at }) => seen_at));
    return devices.some(({ mac, seen_at }) => mac === this.#mac || seen_at > before);
  }

  /** @param {Record<string, string>} [more] */
  async #bind(more = {}) {
    clearTimeout(this.#lookTimer);
    this.#occupy(true);
    const answer = await this.#ask(BIND, { ...this.#told, ...more });
    this.#occupy(false);
    if (answer?.ok) await this.#turn(answer.body.hotspot);
    else if (this.#isShown("waiting")) this.#await();
    else this.#complain(answer ? inOwnWords(answer) : UNREACHABLE);
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
    this.#part("[data-devices]").replaceChildren(...byAge.map(choice));
    this.#show("full");
  }

  async #replace() {
    const chosen = this.querySelector("[data-devices] input:checked");
    if (chosen instanceof HTMLInputElement) {
      this.#chosen = true;
      await this.#bind({ replace: chosen.value });
    } else this.#complain("Pilih dulu perangkat yang ingin diganti.");
  }

  // It cannot be let through -------------------------------------------------------------------------

  /** @param {string} text what to do */
  #advise(text) {
    this.#part("[data-advice]").textContent = text;
    this.#show("trouble");
  }

  // It is through ------------------------------------------------------------------------------------

  /** @param {Hotspot} hotspot */
  async #arrive(hotspot) {
    const cookies = (await ask(MINE).catch(() => null))?.ok ?? false;
    if (cookies && !isMiniBrowser(navigator.userAgent)) {
      location.replace(hotspot.page);
      return;
    }
    const [title, text] = WITHOUT[hotspot.status] ?? [
      hotspot.state === "bound" ? "Anda tersambung" : "Anda sudah masuk",
      leftOf(hotspot),
    ];
    const why = /** @type {HTMLAnchorElement} */ (this.#part("[data-why]"));
    why.hidden = !(hotspot.status in WITHOUT);
    why.href = hotspot.page;
    const mine = /** @type {HTMLAnchorElement} */ (this.#part("[data-mine]"));
    mine.hidden = !cookies;
    const handover = this.querySelector("hotspot-handover");
    if (handover instanceof HotspotHandover) handover.offer(this.#bearer);
    this.#sayDone(title, text);
  }

  /**
   * @param {string} title
   * @param {string} text
   */
  #sayDone(title, text) {
    this.#part("[data-done-title]").textContent = title;
    this.#part("[data-done-text]").textContent = text;
    this.#show("done");
  }

  // The session is over ------------------------------------------------------------------------------

  /** @param {{title: string, text: string}} words */
  #end({ title, text }) {
    clearTimeout(this.#lookTimer);
    this.#bearer = "";
    this.#part("[data-over-title]").textContent = title;
    this.#part("[data-over-text]").textContent = text;
    this.#show("over");
  }

  /**
   * @param {string} path
   * @param {Record<string, string>} [json]
   * @returns {Promise<import("../lib/ask.js").Answer | null>} null when nobody answered
   */
  async #ask(path, json) {
    try {
      const answer = await ask(path, { json, bearer: this.#bearer, deadlineMs: BIND_MS });
      if (answer.status === 401 || answer.status === 419) this.#end(OVER);
      return answer;
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      return null;
    }
  }

  /** @param {string} view */
  #show(view) {
    this.#complain("");
    for (const part of this.querySelectorAll("[data-view]")) {
      const element = /** @type {HTMLElement} */ (part);
      element.hidden = element.dataset.view !== view;
    }
    /** @type {HTMLElement | null} */ (this.querySelector(`[data-view=${view}] h1`))?.focus();
  }

  /** @param {string} view */
  #isShown(view) {
    return !this.#part(`[data-view=${view}]`).hidden;
  }

  /** @param {boolean} busy */
  #occupy(busy) {
    for (const button of this.querySelectorAll('[data-act="retry"], [data-act="replace"]')) {
      /** @type {HTMLButtonElement} */ (button).disabled = busy;
      button.setAttribute("aria-busy", String(busy));
    }
  }

  /** @param {string} text */
  #complain(text) {
    this.#part(".form-message").textContent = this.#isShown("over") ? "" : text;
  }

  /** @param {string} selector */
  #part(selector) {
    const found = this.querySelector(selector);
    if (!(found instanceof HTMLElement)) throw new TypeError(`${selector} is missing`);
    return found;
  }
}

const OVER = {
  title: "Sesi ini sudah berakhir",
  text: "Masuk lagi dengan kode baru bila perlu.",
};
const HANDED_OVER = {
  title: "Sudah pindah ke browser Anda",
  text: "Jendela ini boleh ditutup. Bukan Anda yang membuka tautannya? Masuk lagi, dan sesi itu keluar.",
};

/** The portal's own address says which device this is; another page leads to the portal. */
function beginAgain() {
  if (location.pathname === PORTAL) location.reload();
  else location.assign(PORTAL);
}

/** @param {Device} device */
function choice({ id, mac, name, seen_at }) {
  const label = document.createElement("label");
  label.className = "device-choice";
  const input = document.createElement("input");
  Object.assign(input, { type: "radio", name: "replace", value: id });
  const words = document.createElement("span");
  const title = document.createElement("strong");
  title.textContent = name || "Perangkat";
  const note = document.createElement("small");
  const ago = inWords(Math.max(60, Date.now() / 1000 - seen_at)).split(" ").slice(0, 2).join(" ");
  note.textContent = `…${mac.slice(-5)} · terlihat ${ago} lalu`;
  words.append(title, note);
  label.append(input, words);
  return label;
}

/** @param {Hotspot} hotspot */
function leftOf({ unlimited, remaining_bytes }) {
  if (unlimited) return "Paket Anda tanpa batas kuota.";
  return `Sisa kuota Anda ${sizeOf(remaining_bytes)}.`;
}

/** @param {import("../lib/ask.js").Answer} answer a refusal */
function inOwnWords({ body, retryAfter }) {
  if (body.type === "RATE_LIMIT" && retryAfter) {
    return `Terlalu banyak percobaan. Coba lagi dalam ${inWords(retryAfter)}.`;
  }
  return body.message ?? UNREACHABLE;
}

customElements.define("hotspot-connect", HotspotConnect);
