// @ts-check
/** What can be bought: the shelf, and a form whose preview is the sentence members read. */

import { button, make } from "../lib/dom.js";
import { DeskElement, confirmed } from "./desk.js";
import { packageWords } from "./hotspot_words.js";

/** @typedef {import("./hotspot_words.js").Package} Package */

const ADDRESS = "/api/admin/packages";
const GB = 1_024;

class HotspotPackages extends DeskElement {
  /** The package that is being changed, "" for a new one. */
  #changing = "";

  begin() {
    this.listen("[data-new]", "click", () => this.#open(null));
    this.listen("[data-cancel]", "click", () => this.#dialog.close());
    this.listen("[data-form]", "input", () => this.#preview());
    this.listen("[data-form]", "submit", (event) => this.#save(/** @type {SubmitEvent} */ (event)));
    void this.#load();
  }

  get #dialog() {
    return /** @type {HTMLDialogElement} */ (this.one("[data-dialog]"));
  }

  get #form() {
    return /** @type {HTMLFormElement} */ (this.one("[data-form]"));
  }

  get #housePercent() {
    return Number(this.getAttribute("house-percent"));
  }

  async #load() {
    const found = await this.asked(ADDRESS);
    if (!found) return;
    this.one("[data-packages]").replaceChildren(...found.packages.map((/** @type {Package} */ one) => this.#card(one)));
    this.one("[data-empty]").hidden = found.packages.length > 0;
  }

  /** @param {Package} one */
  #card(one) {
    return make(
      "li",
      { class: "package-item", "data-package": one.id },
      make("span", {}, make("strong", {}, one.name), make("small", {}, packageWords(one, this.#housePercent))),
      make(
        "span",
        { class: "actions" },
        button("Ubah", () => this.#open(one), { class: "button quiet", "aria-label": `Ubah ${one.name}` }),
        button("Hapus", () => this.#remove(one), { class: "button quiet", "aria-label": `Hapus ${one.name}` }),
      ),
    );
  }

  // The form -----------------------------------------------------------------------------------

  /** @param {Package | null} one */
  #open(one) {
    const form = this.#form;
    form.reset();
    this.#changing = one?.id ?? "";
    this.one("[data-title]").textContent = one ? `Ubah ${one.name}` : "Paket baru";
    this.#complain("");
    if (one) {
      field(form, "name").value = one.name;
      field(form, "days").value = String(one.days);
      /** @type {HTMLInputElement} */ (field(form, "unlimited")).checked = one.unlimited;
      measure(form, "quota", one.quota_mb);
      this.#choose(one);
    }
    this.#preview();
    this.#dialog.showModal();
    field(form, "name").focus();
  }

  /** @param {Package} one */
  #choose({ fup_percent, fup_remaining_mb }) {
    const form = this.#form;
    const way = fup_remaining_mb ? "remaining" : fup_percent === null ? "house" : fup_percent >= 100 ? "never" : "percent";
    /** @type {RadioNodeList} */ (form.elements.namedItem("fup")).value = way;
    if (way === "percent") field(form, "fup_percent").value = String(fup_percent);
    if (fup_remaining_mb) measure(form, "fup", fup_remaining_mb, "fup_remaining");
  }

  #preview() {
    const terms = this.#terms();
    const form = this.#form;
    this.one("[data-quota]").hidden = terms.unlimited;
    this.one("[data-fup]").hidden = terms.unlimited;
    const way = /** @type {RadioNodeList} */ (form.elements.namedItem("fup")).value;
    for (const which of ["percent", "remaining"]) this.one(`[data-for=${which}]`).hidden = way !== which;
    this.one("[data-preview]").textContent = packageWords(terms, this.#housePercent);
  }

  #terms() {
    const form = this.#form;
    const way = /** @type {RadioNodeList} */ (form.elements.namedItem("fup")).value;
    const unlimited = /** @type {HTMLInputElement} */ (field(form, "unlimited")).checked;
    const percent = way === "never" ? 100 : Number(field(form, "fup_percent").value);
    return {
      name: field(form, "name").value.trim(),
      quota_mb: unlimited ? 0 : inMegabytes(form, "quota", "quota"),
      days: Number(field(form, "days").value),
      unlimited,
      fup_percent: !unlimited && (way === "percent" || way === "never") ? percent : null,
      fup_remaining_mb: !unlimited && way === "remaining" ? inMegabytes(form, "fup_remaining", "fup") : null,
    };
  }

  /** @param {SubmitEvent} event */
  async #save(event) {
    event.preventDefault();
    const terms = this.#terms();
    const wrong = missing(terms);
    if (wrong) return this.#complain(wrong);
    await this.busy(this.one("[data-form] [type=submit]"), async () => {
      const address = this.#changing ? `${ADDRESS}/${this.#changing}` : ADDRESS;
      this.say("");
      const saved = await this.asked(address, { method: this.#changing ? "PATCH" : "POST", json: terms });
      if (!saved) {
        this.#complain(this.one("[data-message]").textContent ?? "");
        this.say("");
        return;
      }
      this.#dialog.close();
      this.say(`Paket ${terms.name} disimpan: ${packageWords(terms, this.#housePercent)}.`);
      await this.#load();
      const known = this.querySelector(`[data-package="${saved.package.id}"] button`);
      if (document.activeElement === document.body) /** @type {HTMLElement | null} */ (known)?.focus();
    });
  }

  /** @param {Package} one */
  async #remove(one) {
    const text = "Paket ini tidak bisa diberikan atau dibeli lagi. Yang sudah memilikinya tetap memakainya sampai habis.";
    if (!(await confirmed(`Hapus paket ${one.name}?`, text, "Hapus paket"))) return;
    if (!(await this.asked(`${ADDRESS}/${one.id}`, { method: "DELETE" }))) return;
    this.say(`Paket ${one.name} dihapus.`);
    await this.#load();
    this.one("#judul-paket").focus();
  }

  /** @param {string} text */
  #complain(text) {
    this.one("[data-form-message]").textContent = text;
  }
}

/**
 * @param {Omit<Package, "id"> & {fup_remaining_mb: number | null}} terms
 * @returns {string} what is still wrong, "" for nothing
 */
function missing(terms) {
  if (!terms.name) return "Beri nama paketnya.";
  if (!terms.unlimited && !(terms.quota_mb >= 1)) return "Isi kuotanya, paling sedikit 1 MB.";
  if (!Number.isInteger(terms.days) || terms.days < 0) return "Masa aktif harus angka hari yang utuh.";
  if (terms.fup_percent !== null && !(terms.fup_percent >= 1 && terms.fup_percent <= 100)) return "Persen FUP harus 1 sampai 100.";
  if (terms.fup_remaining_mb !== null && !(terms.fup_remaining_mb >= 1)) return "Isi sisa kuotanya, paling sedikit 1 MB.";
  if (terms.fup_remaining_mb !== null && terms.fup_remaining_mb >= terms.quota_mb) return "Sisa kuota harus lebih kecil dari kuotanya.";
  return "";
}

/**
 * @param {HTMLFormElement} form
 * @param {string} name
 * @returns {HTMLInputElement | HTMLSelectElement}
 */
function field(form, name) {
  return /** @type {HTMLInputElement} */ (form.elements.namedItem(name));
}

/**
 * @param {HTMLFormElement} form
 * @param {string} name
 * @param {string} unit
 */
function inMegabytes(form, name, unit) {
  return Math.round(Number(field(form, name).value) * Number(field(form, `${unit}_unit`).value));
}

/**
 * Writes an amount in the larger unit that shows it whole.
 *
 * @param {HTMLFormElement} form
 * @param {string} unit
 * @param {number} mb
 * @param {string} [name]
 */
function measure(form, unit, mb, name = unit) {
  const large = mb >= GB && Number.isInteger((mb / GB) * 10);
  field(form, name).value = String(large ? mb / GB : mb);
  field(form, `${unit}_unit`).value = large ? String(GB) : "1";
}

customElements.define("hotspot-packages", HotspotPackages);
