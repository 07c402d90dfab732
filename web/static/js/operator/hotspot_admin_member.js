// @ts-check
/**
 * One member in a dialog: quota, usage, devices, and everything an operator may do. Each act says
 * what happened, and goes on to say when the routers agree. Hears `hotspot-open`; announces
 * `hotspot-row`, `hotspot-gone`, `hotspot-changed`.
 */

import { button, make } from "../lib/dom.js";
import { DeskElement, confirmed } from "./desk.js";
import { newestRuns, watchRuns } from "./hotspot_runs.js";
import { runWords } from "./hotspot_run_words.js";
import { expiryWords, localPhone, quotaWords, routerWord, statusOf, turnWords, usedShare } from "./hotspot_words.js";
import { sizeOf } from "../lib/sizes.js";

const MOMENT = new Intl.DateTimeFormat("id-ID", { dateStyle: "medium", timeStyle: "short" });

/** @typedef {import("./hotspot_words.js").Row} Row */
/** @typedef {import("./hotspot_words.js").Turn} Turn */
/** @typedef {{day: string, bytes: number}} Day */

const PENDING_MS = 1_000;
const CALM_MS = 5_000;

/** A run for one member is cut off after eight seconds; it may wait for another's end before. */
const SYNC_MS = 30_000;

const BAR = 20;
const PLOT_HEIGHT = 64;
const SVG = "http://www.w3.org/2000/svg";

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

  begin() {
    this.hear("hotspot-open", (row) => this.#open(row));
    this.hear("hotspot-overview", ({ routers }) => (this.#routers = Math.max(1, routers.length)));
    this.listen("[data-close]", "click", () => this.#dialog.close());
    this.listen("dialog", "close", () => this.#closed());
    this.listen("#beri", "change", () => this.#preview());
    this.listen("[data-give]", "submit", (event) => this.#give(/** @type {SubmitEvent} */ (event)));
    this.listen("[data-remove]", "click", () => this.#wantRemoval(true));
    this.listen("[data-keep]", "click", () => this.#wantRemoval(false));
    this.listen("[data-remove-form]", "input", () => this.#matchName());
    this.listen("[data-remove-form]", "submit", (event) => this.#remove(/** @type {SubmitEvent} */ (event)));
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
    this.#wantRemoval(false);
    this.one("[data-plot]").replaceChildren();
    this.one("[data-total]").textContent = "";
    this.#foresee([]);
    this.#show(row);
    this.#dialog.showModal();
    await Promise.all([this.#look(), this.#shelf()]);
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
    if (!answer && this.#row.leaving) return this.#lookForEnd(this.#row);
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
    list.replaceChildren(...row.devices.map((device) => this.#device(device)));
    if (!row.devices.length) list.append(make("li", { class: "hint" }, "Belum ada perangkat."));
    if (held) (list.querySelector("button") ?? this.one("[data-close]")).focus();
  }

  /** @param {Row["devices"][number]} device */
  #device(device) {
    const seen = MOMENT.format(device.seen_at * 1000);
    const release = button("Lepas", () => this.#release(device, release), {
      class: "button quiet",
      "aria-label": `Lepas ${device.name || device.mac}`,
    });
    return make(
      "li",
      {},
      make("span", {}, make("strong", {}, device.name || "Perangkat"), make("small", {}, `${device.mac} · terlihat ${seen}`)),
      release,
    );
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

  async #shelf() {
    const found = await this.asked("/api/admin/packages", { quietly: true });
    if (!found) return;
    const choice = /** @type {HTMLSelectElement} */ (this.one("#beri"));
    const chosen = choice.value;
    choice.replaceChildren(new Option("Pilih paket…", ""));
    for (const { id, name } of found.packages) choice.append(new Option(name, id));
    choice.value = [...choice.options].some(({ value }) => value === chosen) ? chosen : "";
  }

  /** Says before it is given what would be in use until when. */
  async #preview() {
    const { value } = /** @type {HTMLSelectElement} */ (this.one("#beri"));
    this.#foresee([]);
    if (!value) return;
    const json = { package_id: value, dry_run: true };
    const answer = await this.asked(`${this.#address}/package`, { json });
    const { value: still } = /** @type {HTMLSelectElement} */ (this.one("#beri"));
    if (answer && still === value) this.#foresee(answer.hotspot.packages);
  }

  /** @param {Turn[]} turns */
  #foresee(turns) {
    this.one("[data-preview]").hidden = !turns.length;
    this.one("[data-preview-turns]").replaceChildren(...turns.map(turnRow));
  }

  /** @param {SubmitEvent} event */
  async #give(event) {
    event.preventDefault();
    const choice = /** @type {HTMLSelectElement} */ (this.one("#beri"));
    const name = choice.selectedOptions[0]?.text;
    if (!choice.value) return this.say("Pilih paketnya dulu.", "alarm");
    await this.#do(this.one("[data-give] button"), `Paket ${name} diberikan.`, "package", { package_id: choice.value });
    choice.value = "";
    this.#foresee([]);
  }

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
      this.say("Router diminta menyesuaikan…");
      const before = new Set((await newestRuns())?.map(({ id }) => id));
      if (!(await this.asked(`${this.#address}/hotspot/sync`, { json: {} }))) return;
      /** @type {string[]} */
      const words = [];
      const all = await watchRuns({
        before,
        only: member,
        routers: this.#routers,
        forMs: SYNC_MS,
        signal,
        ended: (run) => {
          words.push(`${run.router}: ${runWords(run)}`);
          this.say(words.join(" · "));
        },
      });
      if (signal.aborted) return;
      if (!all && !words.length) this.say("Belum ada kabar dari router. Hasilnya akan muncul di Riwayat.", "alarm");
      await this.#look();
    });
  }

  // Removing -----------------------------------------------------------------------------------

  /** @param {boolean} wanted */
  #wantRemoval(wanted) {
    const form = /** @type {HTMLFormElement} */ (this.one("[data-remove-form]"));
    const was = !form.hidden;
    form.reset();
    form.hidden = !wanted;
    this.#matchName();
    if (wanted) this.one("#ketik").focus();
    else if (was && this.#row) this.one("[data-remove]").focus();
  }

  #matchName() {
    const typed = /** @type {HTMLInputElement} */ (this.one("#ketik")).value.trim();
    const go = /** @type {HTMLButtonElement} */ (this.one("[data-remove-form] [type=submit]"));
    go.disabled = !this.#row || typed !== (this.#row.name || this.#row.id).trim();
  }

  /** @param {SubmitEvent} event */
  async #remove(event) {
    event.preventDefault();
    const row = this.#row;
    if (!row) return;
    await this.busy(this.one("[data-remove-form] [type=submit]"), async () => {
      if (!(await this.asked(this.#address, { method: "DELETE" }))) return;
      this.#wantRemoval(false);
      const left = await this.asked(`/api/admin/hotspot/members?ids=${row.id}`, { quietly: true });
      const still = left?.members[0];
      if (still) {
        this.#asking += 1;
        this.#said = `${row.name} dihapus.`;
        this.#turned(still);
        this.later(PENDING_MS, () => this.#lookForEnd(row));
      } else this.#gone(row);
      this.announce("hotspot-changed");
    });
  }

  /** @param {Row} row */
  async #lookForEnd(row) {
    if (this.#row?.id !== row.id) return;
    const left = await this.asked(`/api/admin/hotspot/members?ids=${row.id}`, { quietly: true });
    if (left && !left.members.length) this.#gone(row);
    else this.later(PENDING_MS, () => this.#lookForEnd(row));
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

/** @param {Turn} turn */
function turnRow(turn) {
  const moment = (/** @type {number} */ at) => MOMENT.format(at * 1000);
  const name = turn.package || "Paket";
  const is_new = turn.id === "preview";
  return make(
    "li",
    { "data-state": turn.state },
    make(
      "span",
      {},
      make("strong", {}, is_new ? `${name} (baru)` : name),
      make("small", {}, turnWords(turn, moment)),
    ),
  );
}

/** @param {Day[]} days */
function plotOf(days) {
  const most = Math.max(1, ...days.map(({ bytes }) => bytes));
  const plot = svg("svg", {
    class: "usage-plot",
    viewBox: `0 0 ${days.length * BAR} ${PLOT_HEIGHT + 16}`,
    role: "img",
    "aria-label": days.map(({ day, bytes }) => `${day}: ${sizeOf(bytes)}`).join(", "),
  });
  days.forEach(({ day, bytes }, place) => {
    const height = Math.round((bytes / most) * PLOT_HEIGHT * 10) / 10;
    const bar = svg("rect", { x: place * BAR + 3, y: PLOT_HEIGHT - height, width: BAR - 6, height, rx: 2 });
    bar.append(svg("title", {}, `${day}: ${sizeOf(bytes)}`));
    const label = svg("text", { x: place * BAR + BAR / 2, y: PLOT_HEIGHT + 12 }, String(Number(day.slice(-2))));
    plot.append(bar, label);
  });
  plot.append(svg("line", { x1: 0, x2: days.length * BAR, y1: PLOT_HEIGHT, y2: PLOT_HEIGHT }));
  return plot;
}

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {string} [text]
 */
function svg(tag, attributes, text = "") {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.textContent = text;
  return made;
}

/** @param {string} text */
function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

customElements.define("hotspot-member", HotspotMember);
