// @ts-check
/** The operator's hotspot page: three lists from our own addresses, and two buttons. */

import { Unreachable, ask } from "./ask.js";

const UNREACHABLE = "Server tidak terjangkau. Coba lagi sebentar.";

/** The router is read for a plan; a large one takes a while. */
const PLAN_MS = 35_000;

/** A run shows up soon after it was asked for. */
const RUN_MS = 1_500;

const MOMENT = new Intl.DateTimeFormat("id-ID", { dateStyle: "short", timeStyle: "medium" });

const STATES = {
  done: "selesai",
  away: "router tidak menjawab",
  refused: "ditolak router",
  busy: "sedang ada yang berjalan",
  overtaken: "diambil alih",
};

/** @param {number} bytes */
const size = (bytes) => `${Math.floor(bytes / 1048576).toLocaleString("id-ID")} MB`;

class HotspotAdmin extends HTMLElement {
  #next = "";
  #listening = new AbortController();

  connectedCallback() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    this.#part("[data-more]").addEventListener("click", () => this.#members(), { signal });
    this.#part("[data-plan]").addEventListener("submit", (event) => this.#plan(event), { signal });
    this.#part("[data-sync]").addEventListener("click", () => this.#sync(), { signal });
    this.#members();
    this.#runs();
  }

  disconnectedCallback() {
    this.#listening.abort();
  }

  async #members() {
    const found = await this.#ask(`/api/admin/hotspot/members?after=${this.#next}`);
    if (!found) return;
    for (const one of found.members) {
      const used = one.unlimited ? size(one.used_bytes) : `${size(one.used_bytes)} / ${size(one.purchased_bytes)}`;
      this.#row("[data-members]", [one.name, one.phone, one.status, used, one.package, one.pending ? "menunggu" : "sesuai"]);
    }
    this.#next = found.next ?? "";
    this.#part("[data-more]").hidden = !found.next;
  }

  async #runs() {
    const found = await this.#ask("/api/admin/hotspot/runs?limit=20");
    if (!found) return;
    this.#part("[data-runs]").replaceChildren();
    for (const run of found.runs) {
      const state = STATES[/** @type {keyof typeof STATES} */ (run.state)] ?? run.state;
      const notes = [...run.errors, ...Object.values(run.conflicts)].slice(0, 3).join("; ");
      this.#row("[data-runs]", [
        MOMENT.format(new Date(run.at * 1000)),
        state,
        String(run.members),
        String(run.prints),
        String(run.writes),
        `${run.took_ms} ms`,
        notes,
      ]);
    }
  }

  /** @param {Event} event */
  async #plan(event) {
    event.preventDefault();
    const percent = /** @type {HTMLInputElement} */ (this.#part("#fup")).value;
    const found = await this.#ask(`/api/admin/hotspot/plan?fup_percent=${encodeURIComponent(percent)}`, { deadlineMs: PLAN_MS });
    if (!found) return;
    const { moves, writes, steps } = found.plan;
    this.#part("[data-plan-summary]").textContent =
      `Dengan FUP ${percent} %: ${moves} anggota berubah status, ${writes} perubahan di router.`;
    this.#part("[data-plan-steps]").replaceChildren(
      ...steps.slice(0, 20).map((/** @type {{name: string, what: string, why: string}} */ step) => {
        const line = document.createElement("li");
        line.textContent = `${step.name}: ${step.what} (${step.why})`;
        return line;
      }),
    );
  }

  async #sync() {
    if (!(await this.#ask("/api/admin/hotspot/sync", { method: "POST", json: {} }))) return;
    setTimeout(() => this.isConnected && this.#again(), RUN_MS);
  }

  #again() {
    this.#next = "";
    this.#part("[data-members]").replaceChildren();
    this.#members();
    this.#runs();
  }

  /**
   * @param {string} path
   * @param {{method?: string, json?: unknown, deadlineMs?: number}} [options]
   * @returns {Promise<any | null>} the body, null after a refusal, which is shown
   */
  async #ask(path, options = {}) {
    let complaint = UNREACHABLE;
    try {
      const answer = await ask(path, options);
      if (answer.ok) {
        this.#part(".form-message").textContent = "";
        return answer.body;
      }
      complaint = answer.body.message ?? UNREACHABLE;
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
    }
    this.#part(".form-message").textContent = complaint;
    return null;
  }

  /**
   * @param {string} selector
   * @param {string[]} cells
   */
  #row(selector, cells) {
    const row = document.createElement("tr");
    for (const text of cells) row.insertCell().textContent = text;
    this.#part(selector).append(row);
  }

  /** @param {string} selector */
  #part(selector) {
    return /** @type {HTMLElement} */ (this.querySelector(selector));
  }
}

customElements.define("hotspot-admin", HotspotAdmin);
