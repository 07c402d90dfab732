// @ts-check
/**
 * The first thing an operator sees: how many are in which status, who waits, and how every router
 * is. Announces `hotspot-overview` with what it was told; hears `hotspot-changed`.
 */

import { button, make } from "../lib/dom.js";
import { DeskElement, shareBar } from "./desk.js";
import { RUN_STATES, runWords, tookWords, troubleWords } from "./hotspot_run_words.js";
import { sharesOf, spanWords } from "./hotspot_words.js";

const ADDRESS = "/api/admin/hotspot/overview";

/** The server keeps its counts for two seconds. */
const CALM_MS = 10_000;
const PENDING_MS = 2_000;

/** A router that is away is looked for every 8 s; it is green here within 15 s of its return. */
const AWAY_MS = 4_000;

/** Below so many seconds nobody counts. */
const JUST_NOW = 5;

/**
 * @typedef {object} Router as the overview tells of it
 * @property {string} name
 * @property {string} host
 * @property {number} port
 * @property {boolean} tls
 * @property {string} state
 * @property {number | null} at unix seconds of its last run
 * @property {number | null} away_since
 * @property {number | null} took_ms null before its first whole run
 * @property {number} members
 * @property {number} prints
 * @property {number} writes
 * @property {number} pending
 * @property {string[]} [errors]
 * @property {number} conflicts
 *
 * @typedef {{statuses: Record<string, number>, members: number, pending: number,
 *   waiting_approval: number, routers: Router[]}} Overview
 */

/** @type {Record<string, string>} what is not here is a trouble */
const TONES = { done: "good", back: "good", unknown: "", busy: "", overtaken: "", yielded: "" };

class HotspotOverview extends DeskElement {
  begin() {
    this.hear("hotspot-changed", () => this.#look(true));
    void this.#look();
  }

  /** @param {boolean} [hasChanged] the counts that were kept may not know of it yet */
  async #look(hasChanged = false) {
    const seen = await this.asked(ADDRESS);
    if (seen) this.#show(seen);
    const calm = seen?.routers.some((/** @type {Router} */ { away_since }) => away_since) ? AWAY_MS : CALM_MS;
    this.later(hasChanged || (seen && isMoving(seen)) ? PENDING_MS : calm, () => this.#look());
  }

  /** @param {Overview} seen */
  #show(seen) {
    this.say("");
    this.announce("hotspot-overview", seen);
    const shares = sharesOf(seen.statuses);
    this.one("[data-bar]").replaceChildren(shareBar(shares));
    this.#showLegend(shares, seen);
    const routers = this.one("[data-routers]");
    routers.replaceChildren(...seen.routers.map(routerCard));
    routers.hidden = seen.routers.length === 0;
  }

  /**
   * Each count leads to those it counts. Rebuilt only when a count has changed, so that the
   * keyboard stays where it is.
   *
   * @param {ReturnType<typeof sharesOf>} shares
   * @param {Overview} seen
   */
  #showLegend(shares, { members, pending, waiting_approval }) {
    const legend = this.one("[data-legend]");
    const counts = JSON.stringify([shares, members, pending, waiting_approval]);
    if (legend.dataset.counts === counts) return;
    legend.dataset.counts = counts;
    const items = shares.map(({ status, label, count }) => this.#count(label, count, { status }, status));
    items.unshift(this.#count("Semua", members, {}));
    if (this.hasAttribute("has-router") && pending) {
      items.push(this.#count("Menunggu router", pending, { pending: "1" }, "pending"));
    }
    if (waiting_approval) items.push(this.#count("Menunggu persetujuan", waiting_approval, { waiting: "1" }));
    const held = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset.label;
    legend.replaceChildren(...items);
    if (held) legend.querySelector(`[data-label="${CSS.escape(held)}"]`)?.closest("button")?.focus();
  }

  /**
   * @param {string} label
   * @param {number} count
   * @param {Record<string, string>} filter
   * @param {string} [status]
   */
  #count(label, count, filter, status = "") {
    const shown = button("", () => this.announce("hotspot-filter", filter), {
      class: "share-count",
      "data-label": label,
      "data-status": status,
    });
    shown.append(make("b", {}, count.toLocaleString("id-ID")), make("span", {}, label));
    return make("li", {}, shown);
  }
}

/**
 * Whether something may turn any moment: not while all that is waited for is a router that is away.
 *
 * @param {Overview} seen
 */
function isMoving({ pending, routers }) {
  return pending > 0 && routers.every(({ away_since }) => !away_since);
}

/** @param {Router} router */
function routerCard(router) {
  const now = Date.now() / 1000;
  const tone = TONES[router.state] ?? "bad";
  const head = make(
    "p",
    { class: "router-head" },
    make("span", { class: "router-dot", "data-tone": tone }),
    make("strong", {}, router.name),
    make("span", { class: "hint" }, `${router.host}:${router.port}${router.tls ? " · TLS" : ""}`),
  );
  const card = make("li", { class: "router-card", "data-tone": tone, "data-router": router.name }, head);
  card.append(make("p", {}, stateWords(router, now)));
  if (router.at && !router.away_since) {
    const work =
      router.took_ms === null
        ? "Belum ada putaran penuh"
        : `${router.members} anggota · ${router.prints} baca · ${router.writes} tulis · ${tookWords(router.took_ms)}`;
    card.append(make("p", { class: "hint" }, work));
  }
  const troubles = [...new Set((router.errors ?? []).map(troubleWords))];
  if (router.conflicts) troubles.push(`${router.conflicts} anggota bentrok dengan isi router.`);
  for (const words of troubles.slice(0, 2)) card.append(make("p", { class: "router-trouble" }, words));
  return card;
}

/**
 * @param {Router} router
 * @param {number} now unix seconds
 */
function stateWords(router, now) {
  if (router.state === "unknown" || !router.at) return RUN_STATES.unknown ?? "";
  const ago = now - router.at < JUST_NOW ? "baru saja" : `${spanWords(now - router.at)} lalu`;
  if (router.away_since) return `Tidak terjangkau sejak ${spanWords(now - router.away_since)} lalu`;
  if (router.state !== "done") return `${RUN_STATES[router.state] ?? router.state}, ${ago}`;
  return `${capital(runWords({ ...router, took_ms: router.took_ms ?? 0 }).replace(/ \([^)]*\)$/, ""))}, ${ago}`;
}

/** @param {string} text */
function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

customElements.define("hotspot-overview", HotspotOverview);
