// @ts-check
/** `<member-import>`: a list of members, shown as the server understood it before any is made. */

import { DeskElement } from "./desk.js";
import { localPhone } from "./hotspot_words.js";

const ADDRESS = "/api/admin/members/import";

/** Making two thousand members takes the server some seconds. */
const DEADLINE_MS = 60_000;

/** @typedef {{file: File} | {json: unknown}} Sent */

class MemberImport extends DeskElement {
  begin() {
    this.listen("[data-form]", "submit", (event) => void this.#check(event));
    this.listen("[data-form]", "input", () => (this.#preview.hidden = true));
  }

  get #preview() {
    return /** @type {import("../lib/list_preview.js").ListPreview} */ (this.one("[data-preview]"));
  }

  /** @param {Event} event */
  async #check(event) {
    event.preventDefault();
    this.#preview.hidden = true;
    const file = /** @type {HTMLInputElement} */ (this.one("[name=file]")).files?.[0];
    const text = /** @type {HTMLTextAreaElement} */ (this.one("[name=text]")).value;
    /** @type {Sent} */ const sent = file ? { file } : { json: { csv: text } };
    const shown = await this.#send("?dry_run=1", sent);
    if (!shown) return;
    this.say("");
    const total = shown.new + shown.taken_over;
    const rows = shown.first.map((/** @type {Record<string, string>} */ one) => [one.name, localPhone(one.phone), one.email]);
    const preview = { ...shown, head: sentence(shown), titles: ["Nama", "Telepon", "Email"], rows, total: shown.people };
    const choice = { label: `Tambahkan ${total} anggota`, act: () => void this.#keep(sent) };
    this.#preview.show(preview, total ? [choice] : []);
  }

  /** @param {Sent} sent */
  async #keep(sent) {
    const kept = await this.#send("", sent);
    if (!kept) return;
    this.#preview.hidden = true;
    this.say(`${kept.created} anggota ditambahkan, ${kept.known} sudah terdaftar.`);
    /** @type {HTMLFormElement} */ (this.one("[data-form]")).reset();
  }

  /**
   * @param {string} query
   * @param {Sent} sent
   * @returns {Promise<import("../lib/ask.js").Answer["body"]>} the answer, null when it was refused
   */
  #send(query, sent) {
    return this.asked(ADDRESS + query, { ...sent, deadlineMs: DEADLINE_MS });
  }
}

/** @param {{new: number, taken_over: number, known: number, without_phone: number}} shown */
function sentence({ new: fresh, taken_over, known, without_phone }) {
  const parts = [`${fresh} anggota baru`];
  if (taken_over) parts.push(`${taken_over} pendaftar yang menunggu persetujuan`);
  if (known) parts.push(`${known} sudah terdaftar dan tidak diubah`);
  const without = without_phone ? ` ${without_phone} tanpa nomor HP.` : "";
  return `${parts.join(", ")}.${without} Belum disimpan.`;
}

customElements.define("member-import", MemberImport);
