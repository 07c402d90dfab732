// @ts-check
/**
 * What a run would write. `<hotspot-drift>` asks with the rules as they are: the routers agree, or
 * here is where they differ, and a run makes it good. `<hotspot-trial>` asks with another threshold
 * of fair use: whom it would move, before anything is written.
 */

import { make } from "../lib/dom.js";
import { DeskElement, shareBar } from "./desk.js";
import { newestRuns, watchRuns } from "./hotspot_runs.js";
import { groupsOf, writeWords } from "./hotspot_plan_words.js";
import { RUN_STATES, runWords, troubleWords } from "./hotspot_run_words.js";
import { STATUSES, sharesOf } from "./hotspot_words.js";

/** @typedef {import("./hotspot_plan_words.js").Plan} Plan */
/** @typedef {import("./hotspot_plan_words.js").Group} Group */

const ADDRESS = "/api/admin/hotspot/plan";

/** Every router is read for a plan; a large one takes a while. */
const PLAN_MS = 35_000;

/** A run over everybody is cut off after ninety seconds. */
const RUN_MS = 100_000;

const TICK_MS = 1_000;
const NAMES_SHOWN = 100;

class HotspotDrift extends DeskElement {
  /** @type {string[]} */
  #routers = [];
  #looked = false;

  begin() {
    this.hear("hotspot-overview", ({ routers }) => {
      this.#routers = routers.map((/** @type {{name: string}} */ { name }) => name);
    });
    this.hear("desk-section", (shown) => void (shown === "rencana" && !this.#looked && this.#look()));
    this.listen("[data-look]", "click", () => this.#look());
    this.listen("[data-sync]", "click", (event) => this.#sync(/** @type {HTMLElement} */ (event.currentTarget)));
    for (const name of ["[data-look]", "[data-sync]"]) this.one(name).hidden = !this.hasAttribute("has-router");
  }

  async #look() {
    if (!this.hasAttribute("has-router")) return;
    this.#looked = true;
    await this.busy(this.one("[data-look]"), async () => {
      this.say("Router sedang dibaca…");
      const found = await this.asked(ADDRESS, { deadlineMs: PLAN_MS });
      if (!found) return;
      const plan = /** @type {Plan} */ (found.plan);
      this.say(plan.writes ? `Ada ${plan.writes} perbedaan.` : unreached(plan) ? "Belum semua router bisa dibaca." : "Router sesuai.");
      this.one("[data-plan]").replaceChildren(...differences(plan));
    });
  }

  /** @param {HTMLElement} pressed */
  async #sync(pressed) {
    const { signal } = this;
    await this.busy(pressed, async () => {
      const before = new Set((await newestRuns())?.map(({ id }) => id));
      if (!(await this.asked("/api/admin/hotspot/sync", { json: {} }))) return;
      const names = this.#routers.length ? this.#routers : [""];
      const lines = new Map(names.map((name) => [name, make("li", { "data-state": "running" })]));
      this.one("[data-progress]").replaceChildren(...lines.values());
      const began = performance.now();
      const tick = () => {
        const seconds = Math.round((performance.now() - began) / 1_000);
        this.say(`Sinkronisasi berjalan, ${seconds} detik.`);
      };
      for (const [name, line] of lines) line.textContent = `${name || "Router"}: sedang disinkronkan…`;
      tick();
      const ticking = setInterval(tick, TICK_MS);
      const all = await watchRuns({
        before,
        only: "",
        routers: names.length,
        forMs: RUN_MS,
        signal,
        ended: (run) => {
          const line = lines.get(run.router) ?? lines.get("");
          if (!line) return;
          line.dataset.state = run.state;
          line.textContent = `${run.router}: ${runWords(run)}`;
        },
      }).finally(() => clearInterval(ticking));
      if (signal.aborted) return;
      this.announce("hotspot-changed");
      this.announce("hotspot-synced");
      if (all) await this.#look();
      else this.say("Belum semua router selesai. Hasilnya akan muncul di Riwayat.", "alarm");
    });
  }
}

class HotspotTrial extends DeskElement {
  begin() {
    this.listen("[data-form]", "submit", (event) => this.#try(/** @type {SubmitEvent} */ (event)));
  }

  /** @param {SubmitEvent} event */
  async #try(event) {
    event.preventDefault();
    const percent = /** @type {HTMLInputElement} */ (this.one("#fup")).value;
    await this.busy(this.one("[type=submit]"), async () => {
      this.say("Router sedang dibaca…");
      const found = await this.asked(`${ADDRESS}?fup_percent=${encodeURIComponent(percent)}`, { deadlineMs: PLAN_MS });
      if (!found) return;
      const plan = /** @type {Plan} */ (found.plan);
      this.say(`FUP mulai ${percent} %: ${plan.moves} anggota berubah status, ${plan.writes} perubahan di router.`);
      const details = differences(plan);
      this.one("[data-plan]").replaceChildren(...comparison(plan), ...(plan.writes ? details : []));
    });
  }
}

/** @param {Plan} plan */
function comparison(plan) {
  const rows = [
    ["Sekarang", plan.statuses_before],
    ["Nanti", plan.statuses],
  ].map(([label, statuses]) => {
    const shares = sharesOf(/** @type {Record<string, number>} */ (statuses));
    const words = shares.map(({ label: name, count }) => `${name} ${count}`).join(" · ");
    return make("div", { class: "share-row" }, make("strong", {}, String(label)), shareBar(shares), make("small", {}, words));
  });
  const moved = make("ul", { class: "moved-list" });
  for (const { member, name, from, to } of plan.moved) {
    moved.append(make("li", {}, make("span", {}, name || member), make("small", {}, `${STATUSES[from] ?? from} → ${STATUSES[to] ?? to}`)));
  }
  const left = plan.moves - plan.moved.length;
  const all = make("details", { class: "plan-group" }, make("summary", {}, `${plan.moves} anggota berubah`), moved);
  if (left > 0) all.append(make("p", { class: "hint" }, `dan ${left} anggota lagi.`));
  return plan.moves ? [...rows, all] : rows;
}

/** @param {Plan} plan @returns {HTMLElement[]} by router, and within it by reason */
function differences(plan) {
  const parts = [];
  const routers = plan.routers ?? {};
  const groups = groupsOf(plan.steps, routers);
  const names = new Set([...Object.keys(routers), ...groups.map(({ router }) => router)]);
  for (const name of [...names].sort()) {
    const mine = groups.filter(({ router }) => router === name);
    const seen = routers[name];
    const writes = seen?.writes ?? mine.reduce((sum, { count }) => sum + count, 0);
    const box = make("section", { class: "plan-router" });
    if (name) box.append(make("h3", {}, name));
    if (seen?.error) box.append(make("p", { class: "router-trouble" }, RUN_STATES[seen.error] ?? troubleWords(seen.error)));
    else if (!writes) box.append(make("p", { class: "agrees" }, "Sesuai, tidak ada yang perlu ditulis."));
    box.append(...mine.map(groupPart));
    parts.push(box);
  }
  return [...parts, ...conflictParts(plan)];
}

/** @param {Group} group */
function groupPart({ reason, count, steps }) {
  const list = make("ul", { class: "plan-steps" });
  for (const { name, member, what, why } of steps.slice(0, NAMES_SHOWN)) {
    list.append(make("li", {}, make("span", {}, name || member), make("small", { title: `${what}: ${why}` }, writeWords(what))));
  }
  const left = count - Math.min(steps.length, NAMES_SHOWN);
  if (left > 0) list.append(make("li", { class: "hint" }, steps.length ? `dan ${left} lagi` : `${left} perubahan, terlalu banyak untuk ditampilkan`));
  return make("details", { class: "plan-group" }, make("summary", {}, `${reason} `, make("b", {}, String(count))), list);
}

/** @param {Plan} plan */
function conflictParts({ conflicts, strangers }) {
  const parts = [];
  const taken = Object.entries(conflicts);
  if (taken.length) {
    const list = make("ul", { class: "plan-steps" }, ...taken.map(([member, why]) => make("li", {}, make("span", {}, member), make("small", {}, why))));
    parts.push(make("details", { class: "plan-group bad" }, make("summary", {}, "Bentrok dengan isi router milik orang lain ", make("b", {}, String(taken.length))), list));
  }
  if (strangers.length) {
    const list = make("ul", { class: "plan-steps" }, ...strangers.map((member) => make("li", {}, member)));
    parts.push(make("details", { class: "plan-group bad" }, make("summary", {}, "Ada di router, tidak kami kenal ", make("b", {}, String(strangers.length))), list));
  }
  return parts;
}

/** @param {Plan} plan */
function unreached({ routers = {} }) {
  return Object.values(routers).some(({ error }) => error);
}

customElements.define("hotspot-drift", HotspotDrift);
customElements.define("hotspot-trial", HotspotTrial);
