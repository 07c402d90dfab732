// @ts-check
/** Who waits for approval, on top of the members; and asking for members, who may be far apart. */

import { button, make } from "../lib/dom.js";
import { localPhone } from "./hotspot_words.js";

/** @typedef {import("./hotspot_words.js").Row} Row */

export const ADDRESS = "/api/admin/hotspot/members";

/** What one search looks at before it asks whether to go on: 20,000 accounts. */
const REQUESTS = 10;

/** So many of those who wait are shown. */
const NEWCOMERS = 20;

/**
 * One request looks at so many accounts; the few that fit may be far apart in a large house.
 *
 * @param {import("./desk.js").DeskElement} desk who asks
 * @param {URLSearchParams} query
 * @param {number} most
 * @param {() => boolean} isWanted asked before each further request
 * @returns {Promise<{members: Row[], scanned: number, next: string | null} | null>}
 */
export async function gather(desk, query, most, isWanted) {
  /** @type {Row[]} */
  const members = [];
  let scanned = 0;
  for (let requests = 0; requests < REQUESTS; requests += 1) {
    query.set("limit", String(most - members.length));
    const found = await desk.asked(`${ADDRESS}?${query}`);
    if (!found) return null;
    members.push(...found.members);
    scanned += found.scanned;
    if (!found.next || members.length >= most) return { members, scanned, next: found.next };
    query.set("after", found.next);
    if (!isWanted()) break;
  }
  return { members, scanned, next: query.get("after") };
}

export class HotspotNewcomers {
  #desk;
  #count = -1;

  /** @param {import("./desk.js").DeskElement} desk with the `[data-waiting]` parts */
  constructor(desk) {
    this.#desk = desk;
  }

  /** @param {number} count how many wait, as the overview says */
  async areNow(count) {
    if (count === this.#count) return;
    this.#count = count;
    const query = new URLSearchParams({ waiting: "1" });
    const none = { members: [], next: null };
    const found = count ? await gather(this.#desk, query, NEWCOMERS, () => count === this.#count) : none;
    if (found) this.#show(found.members, found.next ? Math.max(count, NEWCOMERS) : found.members.length);
    else this.#count = -1; // asked again with the next overview
  }

  /**
   * @param {Row[]} rows
   * @param {number} count
   */
  #show(rows, count) {
    this.#write(count);
    const list = this.#desk.one("[data-waiting-list]");
    const shown = [...list.children].map((line) => line.getAttribute("data-id")).join();
    // the same people: the keyboard stays where it is
    if (shown === rows.map(({ id }) => id).join()) return;
    list.replaceChildren(...rows.map((row) => this.#line(row)));
  }

  /** @param {number} count */
  #write(count) {
    this.#desk.one("[data-waiting]").hidden = count <= 0;
    this.#desk.one("[data-waiting-count]").textContent = String(count);
  }

  /** @param {Row} row */
  #line(row) {
    const approve = button("Setujui", () => this.#approve(row, approve), {
      class: "button primary",
      "aria-label": `Setujui ${row.name}`,
    });
    const open = button("Buka", () => this.#desk.announce("hotspot-open", row), {
      class: "button quiet",
      "aria-label": `Buka ${row.name}`,
    });
    return make(
      "li",
      { "data-id": row.id },
      make("span", {}, make("strong", {}, row.name), " ", make("small", {}, localPhone(row.phone))),
      make("span", { class: "actions" }, approve, open),
    );
  }

  /**
   * @param {Row} row
   * @param {HTMLElement} pressed
   */
  async #approve(row, pressed) {
    const desk = this.#desk;
    await desk.busy(pressed, async () => {
      const done = await desk.asked(`/api/admin/members/${row.id}/approve`, { json: { approved: true } });
      if (!done) return;
      desk.say(`${row.name} disetujui. Beri paket supaya bisa tersambung.`);
      const line = desk.one(`[data-waiting-list] [data-id="${row.id}"]`);
      const following = line.nextElementSibling?.querySelector("button") ?? desk.one("#cari");
      line.remove();
      following.focus();
      this.#count -= 1;
      this.#write(this.#count);
      desk.announce("hotspot-row", done.hotspot);
      desk.announce("hotspot-changed");
    });
  }
}
