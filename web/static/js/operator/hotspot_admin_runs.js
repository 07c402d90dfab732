// @ts-check
/** What became of the last runs, by router, in words. Hears `hotspot-synced`. */

import { make } from "../lib/dom.js";
import { DeskElement } from "./desk.js";
import { RUN_STATES, tookWords, troublesOf } from "./hotspot_run_words.js";

/** @typedef {import("./hotspot_run_words.js").Run} Run */

const ADDRESS = "/api/admin/hotspot/runs";
const ROWS = 200;
const SHOWN = 50;
const CALM_MS = 10_000;
const COLUMNS = ["Waktu", "Router", "Hasil", "Anggota", "Baca", "Tulis", "Lama", "Catatan"];

const MOMENT = new Intl.DateTimeFormat("id-ID", { dateStyle: "short", timeStyle: "medium" });

class HotspotRuns extends DeskElement {
  #isShown = false;
  #asking = 0;

  begin() {
    this.hear("desk-section", (shown) => {
      this.#isShown = shown === "riwayat";
      return this.#isShown && this.#look();
    });
    this.hear("hotspot-synced", () => this.#isShown && this.#look());
    this.hear("hotspot-overview", ({ routers }) => this.#offer(routers));
    this.listen("[data-filter]", "change", () => this.#look());
    this.listen("[data-filter]", "submit", (event) => event.preventDefault());
  }

  /** @param {{name: string}[]} routers */
  #offer(routers) {
    const choice = /** @type {HTMLSelectElement} */ (this.one("#router"));
    const known = new Set([...choice.options].map(({ value }) => value));
    choice.append(...routers.filter(({ name }) => !known.has(name)).map(({ name }) => new Option(name, name)));
  }

  async #look() {
    const turn = ++this.#asking;
    const form = new FormData(/** @type {HTMLFormElement} */ (this.one("[data-filter]")));
    const query = new URLSearchParams({ limit: String(ROWS), router: String(form.get("router") ?? "") });
    const found = await this.asked(`${ADDRESS}?${query}`);
    if (turn !== this.#asking) return;
    if (found) {
      this.say("");
      this.#show(found.runs.filter((/** @type {Run} */ run) => !form.get("full") || !run.only));
    }
    if (this.#isShown) this.later(CALM_MS, () => this.#isShown && this.#look());
  }

  /** @param {Run[]} runs */
  #show(runs) {
    this.one("[data-runs]").replaceChildren(...runs.slice(0, SHOWN).map(line));
    this.one("[data-empty]").hidden = runs.length > 0;
  }
}

/** @param {Run} run */
function line(run) {
  const calm = ["busy", "yielded", "overtaken"].includes(run.state);
  const tone = run.state === "done" ? (run.errors.length ? "warn" : "good") : calm ? "" : "bad";
  const state = make("span", { class: "run-state", "data-tone": tone }, RUN_STATES[run.state] ?? run.state);
  const whom = run.only ? run.name || "yang sudah dihapus" : `${run.members} anggota`;
  const waits = run.pending ? [`${run.pending} masih menunggu.`] : [];
  const notes = [...waits, ...troublesOf(run)].slice(0, 4).join(" ") || "-";
  const cells = [MOMENT.format(run.at * 1000), run.router, state, whom, String(run.prints), String(run.writes), tookWords(run.took_ms), notes];
  const row = make("tr", { "data-run": run.id });
  cells.forEach((cell, place) => row.append(make("td", { "data-label": COLUMNS[place] ?? "" }, cell)));
  return row;
}

customElements.define("hotspot-runs", HotspotRuns);
