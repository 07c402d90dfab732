// @ts-check
/**
 * What Lynk products give: the mapping as a list, a form for one of them, and the products that were
 * sold without one, so that nobody has to know a uuid by heart.
 */

import { button, make } from "../lib/dom.js";
import { DeskElement, confirmed } from "../operator/desk.js";
import { packageWords } from "../operator/hotspot_words.js";

/** @typedef {{id: number, uuid: string, title: string, grants: string, policy: string, package_id: string}} Product */
/** @typedef {{uuid: string, title: string, payments: number, last_at: number}} Sold */
/** @typedef {import("../operator/hotspot_words.js").Package} Package */

const ADDRESS = "/api/admin/products";
const COLUMNS = ["Produk", "Memberi", "Keterangan", ""];

/** @type {Record<string, string>} */
const GRANTS = {
  licence: "Lisensi",
  membership: "Keanggotaan",
  hotspot: "Paket hotspot",
  nothing: "Tidak ada",
};

/** @type {Record<string, string>} */
const POLICIES = { last_wins: "Perangkat baru menang", first_wins: "Perangkat lama menang" };

const DAY = new Intl.DateTimeFormat("id-ID", { dateStyle: "medium" });

class ProductDesk extends DeskElement {
  /** @type {Package[]} */ #packages = [];
  /** @type {Product[]} */ #products = [];
  /** @type {Sold[]} */ #sold = [];

  begin() {
    this.listen("[data-new]", "click", () => this.#open({}));
    this.listen("[data-cancel]", "click", () => this.#dialog.close());
    this.listen("[data-form]", "input", () => this.#shape());
    this.listen("[name=uuid]", "change", () => this.#named());
    this.listen("[data-form]", "submit", (event) => this.#save(/** @type {SubmitEvent} */ (event)));
    void this.#load();
  }

  get #dialog() {
    return /** @type {HTMLDialogElement} */ (this.one("[data-dialog]"));
  }

  async #load() {
    const [found, shelf] = await Promise.all([this.asked(ADDRESS), this.asked("/api/admin/packages")]);
    if (!found || !shelf) return;
    this.#products = found.products;
    this.#sold = found.sold;
    this.#packages = shelf.packages;
    this.one("[data-products]").replaceChildren(...this.#products.map((one) => this.#line(one)));
    this.one("[data-empty]").hidden = this.#products.length > 0;
    this.#showSold();
  }

  /** @param {Product} product */
  #line(product) {
    const name = product.title || product.uuid;
    const acts = make(
      "span",
      {},
      button("Ubah", () => this.#open(product), { class: "button quiet", "aria-label": `Ubah ${name}` }),
      " ",
      button("Hapus", () => this.#remove(product), { class: "button quiet", "aria-label": `Hapus ${name}` }),
    );
    const what = make("span", {}, make("strong", {}, name), make("small", {}, product.title ? product.uuid : ""));
    const row = make("tr", { "data-product": product.uuid });
    [what, GRANTS[product.grants] ?? product.grants, this.#detail(product), acts].forEach((cell, place) =>
      row.append(make("td", { "data-label": COLUMNS[place] ?? "" }, cell)),
    );
    return row;
  }

  /** @param {Pick<Product, "grants" | "policy" | "package_id">} product */
  #detail({ grants, policy, package_id }) {
    if (grants === "licence") return POLICIES[policy] ?? policy;
    if (grants === "membership") return "Akun baru, kata sandi lewat email";
    if (grants !== "hotspot") return "Pembayaran hanya dicatat";
    const found = this.#packages.find(({ id }) => id === package_id);
    return found ? `${found.name}: ${packageWords(found, 100).replace(", tidak pernah pelan", "")}` : "Paketnya sudah tidak ada";
  }

  #showSold() {
    const mapped = new Set(this.#products.map(({ uuid }) => uuid));
    const loose = this.#sold.filter(({ uuid }) => !mapped.has(uuid));
    this.one("[data-sold-part]").hidden = loose.length === 0;
    this.one("[data-sold]").replaceChildren(...loose.map((one) => this.#soldLine(one)));
    this.one("#produk-terjual").replaceChildren(...loose.map(({ uuid, title }) => new Option(title, uuid)));
  }

  /** @param {Sold} one */
  #soldLine({ uuid, title, payments, last_at }) {
    const now = this.#byDefault(title);
    const told = `${payments} pembayaran terakhir, ${DAY.format(last_at * 1000)} · sekarang memberi ${(GRANTS[now] ?? now).toLowerCase()}`;
    return make(
      "li",
      {},
      make("span", {}, make("strong", {}, title || uuid), make("small", {}, told)),
      button("Atur", () => this.#open({ uuid, title, grants: now }), { class: "button quiet", "aria-label": `Atur ${title || uuid}` }),
    );
  }

  /** @param {string} title @returns {string} what a product gives that nobody has mapped */
  #byDefault(title) {
    const folded = (/** @type {string} */ text) => text.normalize("NFKC").trim().replace(/\s+/g, " ").toLowerCase();
    return folded(title) === folded(this.getAttribute("member-product") ?? "") ? "membership" : "licence";
  }

  // The form -----------------------------------------------------------------------------------

  /** @param {Partial<Product>} product */
  #open(product) {
    const form = /** @type {HTMLFormElement} */ (this.one("[data-form]"));
    form.reset();
    this.one("[data-title]").textContent = product.id ? `Ubah ${product.title || "produk"}` : "Atur produk";
    this.one("[data-form-message]").textContent = "";
    const shelf = /** @type {HTMLSelectElement} */ (this.one("[name=package_id]"));
    shelf.replaceChildren(new Option("Pilih paket…", ""), ...this.#packages.map(({ id, name }) => new Option(name, id)));
    this.one("[data-no-package]").hidden = this.#packages.length > 0;
    for (const name of /** @type {const} */ (["title", "uuid", "grants", "policy", "package_id"])) {
      if (product[name]) this.#field(name).value = product[name];
    }
    // the mapping is known by its uuid: another one is another mapping
    /** @type {HTMLInputElement} */ (this.#field("uuid")).readOnly = Boolean(product.id);
    this.#shape();
    this.#dialog.showModal();
    this.#field("title").focus();
  }

  #shape() {
    const grants = this.#field("grants").value;
    for (const which of ["licence", "hotspot"]) this.one(`[data-for=${which}]`).hidden = grants !== which;
    const title = this.#field("title").value.trim() || "Produk ini";
    const detail = this.#detail(this.#wish());
    const waits = grants === "hotspot" && !this.#field("package_id").value;
    this.one("[data-preview]").textContent = waits ? "pilih paketnya dulu" : `${title} memberi ${(GRANTS[grants] ?? "").toLowerCase()}. ${detail}.`;
  }

  /** A uuid that was picked brings its title. */
  #named() {
    const title = this.#sold.find(({ uuid }) => uuid === this.#field("uuid").value)?.title;
    if (title && !this.#field("title").value) this.#field("title").value = title;
    this.#shape();
  }

  #wish() {
    const grants = this.#field("grants").value;
    return {
      uuid: this.#field("uuid").value.trim(),
      title: this.#field("title").value.trim(),
      grants,
      policy: this.#field("policy").value,
      package_id: grants === "hotspot" ? this.#field("package_id").value : "",
    };
  }

  /** @param {SubmitEvent} event */
  async #save(event) {
    event.preventDefault();
    const wish = this.#wish();
    const complaint = this.one("[data-form-message]");
    complaint.textContent = "";
    if (!wish.uuid) complaint.textContent = "Isi UUID produknya.";
    else if (wish.grants === "hotspot" && !wish.package_id) complaint.textContent = "Pilih paket hotspotnya.";
    if (complaint.textContent) return;
    await this.busy(this.one("[data-form] [type=submit]"), async () => {
      const saved = await this.asked(ADDRESS, { json: wish });
      if (!saved) {
        complaint.textContent = this.one("[data-message]").textContent;
        this.say("");
        return;
      }
      this.#dialog.close();
      await this.#load();
      this.say(`${wish.title || wish.uuid} disimpan. Berlaku untuk pembayaran berikutnya.`);
      const row = this.querySelector(`[data-product="${CSS.escape(saved.product.uuid)}"] button`);
      if (document.activeElement === document.body) /** @type {HTMLElement | null} */ (row)?.focus();
    });
  }

  /** @param {Product} product */
  async #remove(product) {
    const name = product.title || product.uuid;
    const then = (GRANTS[this.#byDefault(product.title)] ?? "").toLowerCase();
    if (!(await confirmed(`Hapus aturan ${name}?`, `Setelah ini produk itu memberi ${then}, seperti produk yang tidak diatur.`, "Hapus aturan"))) return;
    if (!(await this.asked(`${ADDRESS}/${product.id}`, { method: "DELETE" }))) return;
    await this.#load();
    this.say(`Aturan ${name} dihapus.`);
    this.one("#judul-produk").focus();
  }

  /** @param {string} name @returns {HTMLInputElement | HTMLSelectElement} */
  #field(name) {
    const form = /** @type {HTMLFormElement} */ (this.one("[data-form]"));
    return /** @type {HTMLInputElement} */ (form.elements.namedItem(name));
  }
}

customElements.define("product-desk", ProductDesk);
