// @ts-check
/**
 * One member in a dialog: quota, usage, devices, and everything an operator may do. Each act says
 * what happened, and goes on to say when the routers agree. Hears `hotspot-open`; announces
 * `hotspot-row`, `hotspot-gone`, `hotspot-changed`.
 */

import { make } from "../lib/dom.js";
import { DeskElement, confirmed } from "./desk.js";
import { HotspotGift } from "./hotspot_gift.js";
import { deviceRow, plotOf, turnRow } from "./hotspot_member_parts.js";
import { HotspotObstacles } from "./hotspot_obstacles.js";
import { HotspotRemoval } from "./hotspot_removal.js";
import { syncMember } from "./hotspot_sync.js";
import { expiryWords, localPhone, quotaWords, routerWord, statusOf, usedShare } from "./hotspot_words.js";
import { sizeOf } from "../lib/sizes.js";

/** @typedef {import("./hotspot_words.js").Row} Row */
/** @typedef {import("./hotspot_member_parts.js").Day} Day */

const PENDING_MS = 1_000;
const CALM_MS = 5_000;

/** @type {Record<string, string>} */
const DONE = {
  approve: "Disetujui.",
  block: "Diblokir. Semua sesinya berakhir.",
  unblock: "Blokirnya dibuka.",
  deactivate: "Dinonaktifkan. Semua sesinya berakhir.",
  activate: "Diaktifkan lagi.",
};

class HotspotMember extends DeskElement {
  /** @type {Row | null} */
  #row = null;
  #said = "";
  #routers = 1;
  #asking = 0;
  #closing = new AbortController();
  #gift = new HotspotGift(this, () => this.#address, (pressed, name, id) =>
    this.#do(pressed, `Paket ${name} diberikan.`, "package", { package_id: id }),
  );
  #obstacles = new HotspotObstacles(this, (pressed, done, json) => this.#do(pressed, done, "hotspot/obstacle", json));
  #removal = new HotspotRemoval(this, {
    row: () => this.#row,
    address: () => this.#address,
    onLeaving: (row, still) => this.#leaving(row, still),
    onGone: (row) => this.#gone(row),
  });

  begin() {
    this.hear("hotspot-open", (/** @type {Row} */ row) => this.#open(row));
    this.hear("hotspot-overview", (/** @type {{routers: unknown[]}} */ { routers }) => (this.#routers = Math.max(1, routers.length)));
    this.listen("[data-close]", "click", () => this.#dialog.close());
    this.listen("dialog", "close", () => this.#closed());
    this.#gift.begin();
    this.#removal.begin();
    for (const pressed of this.querySelectorAll("[data-act]")) {
      const act = /** @type {HTMLElement} */ (pressed);
      act.addEventListener("click", () => void this.#act(act), { signal: this.signal });
    }
  }

  /** @param {Row} row */
  async #open(row) {
    this.#closing = new AbortController();
    this.#said = "";
    this.say("");
    this.#removal.want(false);
    this.one("[data-plot]").replaceChildren();
    this.one("[data-total]").textContent = "";
    this.#gift.foresee([]);
    this.#show(row);
    this.#dialog.showModal();
    await Promise.all([this.#look(), this.#gift.stock()]);
  }

  #closed() {
    this.#row = null;
    this.#closing.abort();
    this.#asking += 1;
  }

  get #dialog() {
    return /** @type {HTMLDialogElement} */ (this.one("dialog"));
  }

  get #address() {
    return `/api/admin/members/${this.#row?.id}`;
  }

  // Looking ------------------------------------------------------------------------------------

  async #look() {
    const turn = ++this.#asking;
    const answer = this.#row && (await this.asked(`${this.#address}/hotspot`, { quietly: true }));
    if (turn !== this.#asking || !this.#row) return;
    if (!answer && this.#row.leaving) return this.#removal.lookForEnd(this.#row);
    if (answer) {
      this.#turned(answer.hotspot);
      this.#plot(answer.days);
    }
    const waits = this.hasAttribute("has-router") && (this.#row.pending || this.#row.leaving);
    this.later(waits ? PENDING_MS : CALM_MS, () => this.#look());
  }

  /** @param {Row} row */
  #turned(row) {
    this.#show(row);
    this.announce("hotspot-row", row);
    if (this.#said) this.say(`${this.#said} ${this.#routerSentence(row)}`.trim());
  }

  /** @param {Row} row */
  #routerSentence(row) {
    if (!this.hasAttribute("has-router")) return "";
    if (row.leaving) return "Menunggu bersih dari router…";
    return row.pending ? `${capital(routerWord(row))}…` : "Router sudah sesuai.";
  }

  /** @param {Row} row */
  #show(row) {
    this.#row = row;
    for (const box of this.querySelectorAll("[data-name]")) box.textContent = row.name || row.id;
    this.one("[data-phone]").textContent = localPhone(row.phone);
    const status = this.one("[data-status]");
    status.textContent = statusOf(row);
    status.dataset.status = row.status;
    const words = row.pending || row.leaving ? capital(routerWord(row)) : "Router sesuai";
    this.one("[data-router]").textContent = this.hasAttribute("has-router") ? words : "";
    this.one("[data-quota]").textContent = quotaWords(row);
    const expiry = row.package || row.expires_at ? expiryWords(row, Date.now() / 1000) : "";
    this.one("[data-package]").textContent = [row.package, expiry].filter(Boolean).join(" · ");
    const share = /** @type {HTMLProgressElement} */ (this.one("[data-share]"));
    share.value = usedShare(row);
    share.dataset.status = row.status;
    share.hidden = row.unlimited || row.purchased_bytes <= 0;
    const packages = row.packages ?? [];
    this.one("[data-turns]").replaceChildren(...(packages.length > 1 ? packages.map(turnRow) : []));
    this.#obstacles.show(row);
    this.#showDevices(row);
    this.#showActs(row);
  }

  /** @param {Row} row */
  #showActs(row) {
    /** @type {Record<string, boolean>} */
    const fits = {
      approve: !row.approved,
      sync: this.hasAttribute("has-router"),
      block: row.account !== "blocked",
      unblock: row.account === "blocked",
      deactivate: row.account === "active",
      activate: row.account === "inactive",
    };
    for (const pressed of this.querySelectorAll("[data-act]")) {
      const act = /** @type {HTMLButtonElement} */ (pressed);
      const held = act === document.activeElement;
      act.hidden = row.leaving || !fits[act.dataset.act ?? ""];
      if (held && act.hidden) this.one("[data-close]").focus();
    }
    this.one("[data-remove]").hidden = row.leaving;
    this.one("[data-give]").hidden = row.leaving;
  }

  /** @param {Row} row */
  #showDevices(row) {
    const list = this.one("[data-devices]");
    const shown = JSON.stringify(row.devices);
    if (list.dataset.shown === shown) return;
    list.dataset.shown = shown;
    const held = list.contains(document.activeElement);
    list.replaceChildren(...row.devices.map((device) => deviceRow(device, (pressed) => this.#release(device, pressed))));
    if (!row.devices.length) list.append(make("li", { class: "hint" }, "Belum ada perangkat."));
    if (held) (list.querySelector("button") ?? this.one("[data-close]")).focus();
  }

  /** @param {Day[]} days */
  #plot(days) {
    const box = this.one("[data-plot]");
    const shown = JSON.stringify(days);
    if (box.dataset.shown === shown && box.firstChild) return;
    box.dataset.shown = shown;
    const total = days.reduce((sum, { bytes }) => sum + bytes, 0);
    this.one("[data-total]").textContent = sizeOf(total);
    box.replaceChildren(plotOf(days));
  }

  // Acting -------------------------------------------------------------------------------------

  /** @param {HTMLElement} pressed */
  async #act(pressed) {
    const act = pressed.dataset.act ?? "";
    if (act === "sync") return this.#sync(pressed);
    await this.#do(pressed, DONE[act] ?? "Selesai.", act, act === "approve" ? { approved: true } : {});
  }

  /**
   * @param {HTMLElement} pressed
   * @param {string} done what is said afterwards
   * @param {string} act
   * @param {unknown} json
   */
  async #do(pressed, done, act, json) {
    await this.busy(pressed, async () => {
      const answer = await this.asked(`${this.#address}/${act}`, { json });
      if (!answer || !this.#row) return;
      this.#said = `${this.#row.name}: ${done}`;
      await this.#look();
      this.announce("hotspot-changed");
    });
  }

  /**
   * @param {Row["devices"][number]} device
   * @param {HTMLElement} pressed
   */
  async #release(device, pressed) {
    const name = device.name || device.mac;
    if (!(await confirmed("Lepas perangkat?", `${name} langsung tidak tersambung lagi.`, "Lepas"))) return;
    await this.busy(pressed, async () => {
      const answer = await this.asked(`${this.#address}/hotspot/devices/${device.id}`, { method: "DELETE" });
      if (!answer) return;
      this.#said = `${name} dilepas.`;
      this.#turned(answer.hotspot);
    });
  }

  /** @param {HTMLElement} pressed */
  async #sync(pressed) {
    const member = this.#row?.id ?? "";
    const signal = this.#closing.signal;
    await this.busy(pressed, async () => {
      this.#said = "";
      await syncMember(this, { member, address: this.#address, routers: this.#routers, signal });
      if (signal.aborted) return;
      await this.#look();
    });
  }

  // Removing -----------------------------------------------------------------------------------

  /**
   * @param {Row} row
   * @param {Row} still as it is until its routers are clean
   */
  #leaving(row, still) {
    this.#asking += 1;
    this.#said = `${row.name} dihapus.`;
    this.#turned(still);
  }

  /** @param {Row} row */
  #gone(row) {
    this.announce("hotspot-gone", row.id);
    this.announce("hotspot-changed");
    if (this.#row?.id !== row.id) return;
    this.say(`${row.name} sudah dihapus, di router juga tidak ada sisanya.`);
    this.#asking += 1;
    for (const pressed of this.querySelectorAll("[data-act], [data-remove], [data-give]")) {
      /** @type {HTMLElement} */ (pressed).hidden = true;
    }
    this.one("[data-close]").focus();
  }
}

/** @param {string} text */
function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

customElements.define("hotspot-member", HotspotMember);
