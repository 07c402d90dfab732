// @ts-check
/** The operator's outboxes, over /api/admin/mails and /api/admin/messages. */

import { reply } from "../lib/ask.js";
import { whyNot } from "../lib/words.js";

/** @type {Record<string, string>} */
const STATES = {
  queued: "Menunggu",
  sent: "Terkirim",
  dead: "Gagal",
  overtaken: "Tidak perlu lagi",
};

/** @type {Record<string, string>} what a message or a mail is about */
const KINDS = {
  aktif: "Hotspot aktif",
  unlimited: "Hotspot tanpa batas",
  fup: "Kecepatan dikurangi",
  habis: "Kuota habis",
  expired: "Masa aktif habis",
  inactive: "Akun nonaktif",
  blocked: "Akun diblokir",
  quota_low: "Kuota hampir habis",
  ends_in_1: "Berakhir 1 hari lagi",
  ends_in_3: "Berakhir 3 hari lagi",
  ends_in_7: "Berakhir 7 hari lagi",
  license: "Kunci lisensi",
  pendaftaran_member: "Pendaftaran member",
  sudah_terdaftar: "Sudah terdaftar",
  ponsel_baru: "Ponsel baru",
  lupa_password: "Lupa password",
  kode_email: "Kode email baru",
  email_diganti: "Email diganti",
  nomor_diganti: "Nomor HP diganti",
  minta_hapus: "Minta hapus akun",
  hapus_diterima: "Permintaan hapus diterima",
  password_diganti: "Password diganti",
};

const moment = new Intl.DateTimeFormat("id-ID", { dateStyle: "medium", timeStyle: "short" });
const clock = new Intl.DateTimeFormat("id-ID", { timeStyle: "short" });

/**
 * @typedef {{id: number, state: string, template?: string, kind?: string, id_order?: string,
 *   name?: string, to: string, created_at?: number, due_at?: number, attempts: number,
 *   last_error?: string}} Row a mail, or a message
 */

/** One outbox on the page: its states, its rows, and what is done with them. */
class Outbox {
  #place;
  #kind;
  #state = "";
  /** @type {number | null} */
  #next = null;

  /** @param {HTMLElement} place */
  constructor(place) {
    this.#place = place;
    this.#kind = place.dataset.outbox ?? "";
    this.#part("[data-more]").addEventListener("click", () => void this.load(this.#next));
    this.#part("[data-all]").addEventListener("click", () => void this.#again("resend"));
    this.#place.querySelector("form")?.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.load(null);
    });
  }

  /** @param {number | null} before */
  async load(before) {
    const query = new URLSearchParams({ limit: "50" });
    if (this.#state) query.set("state", this.#state);
    const search = this.#place.querySelector("input");
    if (search?.value.trim()) query.set("q", search.value.trim());
    if (before !== null) query.set("before", String(before));
    const body = await this.#answered(`/api/admin/${this.#kind}?${query}`);
    if (!body) return;
    this.#showTrouble(body.trouble);
    this.#showStates(body.counts);
    const rows = this.#part("[data-rows]");
    if (before === null) rows.replaceChildren();
    for (const row of body[this.#kind]) rows.append(this.#row(row));
    if (!rows.firstChild) rows.append(worded("li", "Tidak ada.", "hint"));
    this.#next = body.next;
    this.#part("[data-more]").hidden = this.#next === null;
    this.#part("[data-all]").hidden = !body.counts.dead;
  }

  /** @param {{words: string, since: number, until: number} | null} trouble */
  #showTrouble(trouble) {
    const note = this.#part("[data-trouble]");
    note.hidden = trouble === null;
    if (!trouble) return;
    const since = moment.format(trouble.since * 1000);
    const until = trouble.until * 1000 > Date.now() ? `pukul ${clock.format(trouble.until * 1000)}` : "sebentar lagi";
    note.textContent = `Tidak ada yang terkirim sejak ${since}. Jawabannya: “${trouble.words}”. Dicoba lagi ${until}.`;
  }

  /** @param {Record<string, number>} counts */
  #showStates(counts) {
    const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
    const states = Object.entries(counts).map(([name, count]) => this.#stateButton(name, STATES[name] ?? name, count));
    this.#part("[data-states]").replaceChildren(this.#stateButton("", "Semua", all), ...states);
  }

  /**
   * @param {string} name
   * @param {string} label
   * @param {number} count
   */
  #stateButton(name, label, count) {
    const button = textButton(`${label} ${count}`, () => {
      this.#state = name;
      void this.load(null);
    });
    button.setAttribute("aria-pressed", String(name === this.#state));
    return button;
  }

  /** @param {Row} row */
  #row(row) {
    const kind = row.template ?? row.kind ?? "";
    const about = KINDS[kind] ?? kind;
    const facts = [
      STATES[row.state] ?? row.state,
      row.id_order ? `${about}, ${row.id_order}` : about,
      moment.format((row.created_at ?? row.due_at ?? 0) * 1000),
      row.attempts ? `${row.attempts} percobaan` : "",
    ];
    const text = document.createElement("span");
    text.append(
      worded("strong", row.name ? `${row.name} ${row.to}` : row.to || "-"),
      worded("small", facts.filter(Boolean).join(" · ")),
    );
    if (row.last_error) text.append(worded("small", row.last_error, "outbox-words"));
    const again = textButton("Kirim ulang", () => void this.#again(`${row.id}/resend`));
    again.setAttribute("aria-label", `Kirim ulang: ${about} ke ${row.to}`);
    const line = document.createElement("li");
    line.append(text, again);
    return line;
  }

  /** @param {string} what */
  async #again(what) {
    if (await this.#answered(`/api/admin/${this.#kind}/${what}`, {})) await this.load(null);
  }

  /**
   * @param {string} path
   * @param {unknown} [json]
   * @returns {Promise<import("../lib/ask.js").Answer["body"]>} null when it failed, which was said
   */
  async #answered(path, json) {
    const answer = await reply(path, { json });
    const text = answer?.ok ? "" : whyNot(answer);
    const message = this.#part("[data-message]");
    message.textContent = text;
    return answer?.ok ? answer.body : null;
  }

  /** @param {string} selector */
  #part(selector) {
    return /** @type {HTMLElement} */ (this.#place.querySelector(selector));
  }
}

/**
 * @param {string} text
 * @param {() => void} act
 */
function textButton(text, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button quiet";
  button.textContent = text;
  button.addEventListener("click", act);
  return button;
}

/**
 * @param {string} name
 * @param {string} text
 * @param {string} [kind] a class
 */
function worded(name, text, kind = "") {
  const element = document.createElement(name);
  element.textContent = text;
  element.className = kind;
  return element;
}

for (const place of document.querySelectorAll("[data-outbox]")) {
  void new Outbox(/** @type {HTMLElement} */ (place)).load(null);
}
