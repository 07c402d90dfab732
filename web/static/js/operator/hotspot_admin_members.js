// @ts-check
/**
 * The members: who waits for approval on top, then a list to search, filter and page through. A row
 * turns by itself when its router agreed. Hears `hotspot-filter`, `hotspot-row`, `hotspot-overview`;
 * announces `hotspot-open` with the row whose button was pressed.
 */

import { button, make } from "../lib/dom.js";
import { DeskElement } from "./desk.js";
import { ADDRESS, HotspotNewcomers, gather } from "./hotspot_newcomers.js";
import { STATUSES, expiryWords, localPhone, quotaWords, routerWord, statusOf, usedShare } from "./hotspot_words.js";

/** @typedef {import("./hotspot_words.js").Row} Row */
/** @typedef {import("./hotspot_admin_overview.js").Overview} Overview */

const ROWS = 50;

/** While a router is waited for, and while nobody is. */
const PENDING_MS = 1_000;
const CALM_MS = 15_000;

/** Letters typed in a row are one search. */
const TYPING_MS = 250;

class HotspotMembers extends DeskElement {
  /** @type {Map<string, {row: Row, line: HTMLTableRowElement}>} */
  #lines = new Map();
  #after = "";
  #next = "";
  #asking = 0;
  #newcomers = new HotspotNewcomers(this);
  /** Routers that are away: what waits for them alone turns no sooner for being asked often. */
  #away = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #typing;

  begin() {
    const choice = /** @type {HTMLSelectElement} */ (this.one("#saring"));
    if (choice.length === 1) {
      choice.append(...Object.entries(STATUSES).map(([status, label]) => new Option(label, status)));
    }
    this.listen("[data-filter]", "submit", (event) => {
      event.preventDefault();
      return this.#search();
    });
    this.listen("[data-filter]", "input", () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.#search(), TYPING_MS);
    });
    this.listen("[data-more]", "click", () => this.#turn(this.#next));
    this.listen("[data-first]", "click", () => this.#turn(""));
    this.hear("hotspot-filter", (/** @type {Record<string, string>} */ filter) => this.#narrow(filter));
    this.hear("hotspot-row", (/** @type {Row} */ row) => this.#turned(row));
    this.hear("hotspot-gone", (/** @type {string} */ id) => this.#forget(id));
    this.hear("hotspot-overview", (/** @type {Overview} */ { waiting_approval, routers }) => {
      this.#away = new Set(routers.filter(({ away_since }) => away_since).map(({ name }) => name));
      return this.#newcomers.areNow(waiting_approval);
    });
    void this.#load();
  }

  // The list -----------------------------------------------------------------------------------

  #search() {
    clearTimeout(this.#typing);
    return this.#turn("");
  }

  /** @param {string} after */
  async #turn(after) {
    this.#after = after;
    await this.#load();
    if (after) this.one("caption").closest("table")?.scrollIntoView({ block: "nearest" });
  }

  /** @param {Record<string, string>} filter what a count of the overview stands for */
  #narrow(filter) {
    const form = /** @type {HTMLFormElement} */ (this.one("[data-filter]"));
    if (filter.waiting) {
      this.one("[data-waiting]").scrollIntoView({ block: "nearest" });
      return;
    }
    form.reset();
    /** @type {HTMLSelectElement} */ (this.one("#saring")).value = filter.status ?? "";
    /** @type {HTMLInputElement} */ (this.one("[name=pending]")).checked = filter.pending === "1";
    location.hash = "#anggota";
    void this.#search();
  }

  async #load() {
    const turn = ++this.#asking;
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(/** @type {HTMLFormElement} */ (this.one("[data-filter]")))) {
      if (String(value).trim()) query.set(name, String(value).trim());
    }
    if (this.#after) query.set("after", this.#after);
    const found = await gather(this, query, ROWS, () => turn === this.#asking);
    if (turn !== this.#asking) return; // a newer search has been asked meanwhile
    if (found) this.#show(found);
    this.#watch();
  }

  /** @param {{members: Row[], scanned: number, next: string | null}} found */
  #show({ members, scanned, next }) {
    this.say("");
    this.#next = next ?? "";
    this.#lines.clear();
    this.one("[data-members]").replaceChildren(...members.map((row) => this.#line(row)));
    this.one("[data-more]").hidden = !next;
    this.one("[data-more]").textContent = members.length ? "Berikutnya" : "Cari lebih jauh";
    this.one("[data-first]").hidden = !this.#after;
    const empty = this.one("[data-empty]");
    empty.hidden = members.length > 0;
    empty.textContent = next
      ? `Belum ketemu di ${scanned.toLocaleString("id-ID")} anggota yang diperiksa.`
      : "Tidak ada anggota yang cocok.";
  }

  /** @param {Row} row */
  #line(row) {
    const line = make("tr", { "data-id": row.id });
    for (const label of ["Nama", "Status", "Kuota", "Paket", "Router", ""]) {
      line.append(make("td", { "data-label": label }));
    }
    const open = button("Buka", () => this.announce("hotspot-open", this.#lines.get(row.id)?.row ?? row), {
      class: "button quiet",
      "aria-label": `Buka ${row.name}`,
    });
    line.cells[5]?.append(open);
    this.#lines.set(row.id, { row, line });
    this.#fill(line, row);
    return line;
  }

  /**
   * Writes what has changed of a row, and leaves the rest as it is.
   *
   * @param {HTMLTableRowElement} line
   * @param {Row} row
   */
  #fill(line, row) {
    const shown = JSON.stringify(row);
    if (line.dataset.shown === shown) return;
    line.dataset.shown = shown;
    const [name, status, quota, pack, router] = line.cells;
    name?.replaceChildren(make("strong", {}, row.name || "Tanpa nama"), make("small", {}, localPhone(row.phone)));
    status?.replaceChildren(make("span", { class: "state", "data-status": row.status }, statusOf(row)));
    const share = make("progress", { max: "1", "data-status": row.status, "aria-hidden": "true" });
    share.value = usedShare(row);
    share.hidden = row.unlimited || row.purchased_bytes <= 0;
    quota?.replaceChildren(make("span", {}, quotaWords(row)), share);
    const expiry = row.package || row.expires_at ? expiryWords(row, Date.now() / 1000) : "";
    pack?.replaceChildren(make("span", {}, row.package || "-"), make("small", {}, expiry));
    const waits = row.pending || row.leaving;
    const hasRouter = this.hasAttribute("has-router");
    const tone = hasRouter ? (waits ? "waits" : "agrees") : "hint";
    router?.replaceChildren(make("span", { class: tone }, hasRouter ? routerWord(row) : "belum diatur"));
  }

  // Turning ------------------------------------------------------------------------------------

  /** Asks for the rows shown, and for nothing else: soon while one of them waits for a router. */
  #watch() {
    const rows = [...this.#lines.values()].map(({ row }) => row);
    const waits = rows.some(({ leaving, pending_on = [] }) => (leaving && !this.#away.size) || pending_on.some((name) => !this.#away.has(name)));
    this.later(waits ? PENDING_MS : CALM_MS, () => this.#refresh());
  }

  async #refresh() {
    const ids = [...this.#lines.keys()];
    const turn = this.#asking;
    const found = ids.length ? await this.asked(`${ADDRESS}?ids=${ids.join(",")}`, { quietly: true }) : null;
    if (turn !== this.#asking) return;
    if (found) {
      const there = new Set(found.members.map((/** @type {Row} */ row) => row.id));
      for (const row of found.members) this.#turned(row);
      for (const id of ids) if (!there.has(id)) this.#forget(id);
    }
    this.#watch();
  }

  /** @param {Row} row */
  #turned(row) {
    const known = this.#lines.get(row.id);
    if (!known) return;
    const began = row.pending && row.pending_on?.join() !== known.row.pending_on?.join();
    known.row = row;
    this.#fill(known.line, row);
    if (began) this.#watch();
  }

  /** @param {string} id */
  #forget(id) {
    this.#lines.get(id)?.line.remove();
    this.#lines.delete(id);
  }
}

customElements.define("hotspot-members", HotspotMembers);
