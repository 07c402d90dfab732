// @ts-check
/**
 * One order on its operator's desk: where its mails go and went, what it gave, and the acts that put
 * it right. Hears `payment-order` (a delivery that was opened, null for one without an order);
 * announces `payment-order-changed`.
 */

import { button, make } from "../lib/dom.js";
import { DeskElement, confirmed } from "../operator/desk.js";

/** @typedef {{id: string, state: string, reason: string, ref_id: string}} Delivery */
/** @typedef {{id: number, key_license: string, title: string, status: string}} Licence */
/** @typedef {{id: string, package: string, status: string}} Package */
/** @typedef {{id: number, template: string, to: string, state: string, last_error: string}} Mail */

/**
 * @typedef {object} Order
 * @property {string} ref_id
 * @property {string} id_order
 * @property {string} email
 * @property {string} name
 * @property {Licence[]} licences
 * @property {{id: string, email: string, status: string} | null} member
 * @property {Package[]} packages
 * @property {Mail[]} mails
 */

/** @type {Record<string, string>} */
const MAILS = {
  license: "Kunci lisensi",
  pendaftaran_member: "Akun baru",
  sudah_terdaftar: "Sudah terdaftar",
};

/** @type {Record<string, string>} */
const MAIL_STATES = { queued: "menunggu dikirim", sent: "terkirim", dead: "gagal" };

/** Signed news that is no payment: somebody has to say that they looked. */
const NEWS = ["other event", "unknown event"];

class PaymentOrder extends DeskElement {
  /** @type {Delivery | null} */
  #delivery = null;
  /** @type {Order | null} */
  #order = null;

  begin() {
    this.hear("payment-order", (delivery) => this.#open(delivery));
    this.listen("[data-correct]", "submit", (event) => this.#correct(/** @type {SubmitEvent} */ (event)));
    this.listen("[data-resend]", "click", () => this.#resend());
    this.listen("[data-reviewed]", "click", () => this.#reviewed());
    this.listen("[data-off]", "click", () => this.#off([], "Nonaktifkan semua dari pesanan ini"));
  }

  get #address() {
    return `/api/admin/orders/${encodeURIComponent(this.#order?.ref_id ?? "")}`;
  }

  /** @param {Delivery | null} delivery */
  async #open(delivery) {
    this.#delivery = delivery;
    this.#order = null;
    this.hidden = true;
    this.say("");
    /** @type {HTMLFormElement} */ (this.one("[data-correct]")).reset();
    if (!delivery?.ref_id) return;
    const address = `/api/admin/orders/${encodeURIComponent(delivery.ref_id)}`;
    const answer = await this.asked(address, { quietly: true });
    if (answer && this.#delivery === delivery) this.#show(answer.order);
  }

  /** @param {Order} order */
  #show(order) {
    this.#order = order;
    this.hidden = false;
    this.one("[data-to]").textContent = order.email || "belum ada alamat yang bisa dipakai";
    this.one("[data-number]").textContent = order.id_order || order.ref_id;
    this.#fill("[data-mails]", order.mails.map((mail) => this.#mailRow(mail)), "Belum ada email.");
    this.#fill("[data-given]", this.#given(order), "Pesanan ini tidak memberi apa-apa.");
    this.one("[data-resend]").hidden = !order.mails.length;
    this.one("[data-off]").hidden = !isOn(order);
    this.one("[data-news]").hidden = !NEWS.includes(this.#delivery?.reason ?? "");
  }

  /**
   * @param {string} place
   * @param {HTMLElement[]} rows
   * @param {string} nothing
   */
  #fill(place, rows, nothing) {
    this.one(place).replaceChildren(...(rows.length ? rows : [make("li", { class: "hint" }, nothing)]));
  }

  /** @param {Mail} mail */
  #mailRow(mail) {
    const name = MAILS[mail.template] ?? mail.template;
    const words = make("small", {}, `${mail.to} · ${MAIL_STATES[mail.state] ?? mail.state}`);
    const why = mail.last_error ? make("small", {}, mail.last_error) : null;
    const again = button("Kirim ulang", () => this.#resendOne(mail, again), { "aria-label": `Kirim ulang ${name}` });
    return make("li", {}, make("span", {}, make("strong", {}, name), words, why), again);
  }

  /** @param {Order} order */
  #given(order) {
    const rows = [];
    if (order.licences.length) {
      const words = order.licences.map(({ title, key_license, status }) => `${title} ${key_license}${offWord(status)}`);
      const on = order.licences.some(({ status }) => status === "active");
      rows.push(this.#givenRow(`${order.licences.length} lisensi`, words, on, "licences", "Nonaktifkan lisensi"));
    }
    if (order.member) {
      const { email, status } = order.member;
      rows.push(this.#givenRow("Akun anggota", [`${email}${offWord(status)}`], status === "active", "member", "Nonaktifkan akun"));
    }
    if (order.packages.length) {
      const words = order.packages.map((one) => `${one.package}${offWord(one.status)}`);
      const on = order.packages.some(({ status }) => status === "active");
      rows.push(this.#givenRow(`${order.packages.length} paket hotspot`, words, on, "packages", "Cabut paket"));
    }
    return rows;
  }

  /**
   * @param {string} title
   * @param {string[]} words
   * @param {boolean} on
   * @param {string} what
   * @param {string} label
   */
  #givenRow(title, words, on, what, label) {
    const act = on ? button(label, () => this.#off([what], label), { class: "button" }) : null;
    const lines = words.map((text) => make("small", {}, text));
    return make("li", {}, make("span", {}, make("strong", {}, title), ...lines), act);
  }

  // Acting -------------------------------------------------------------------------------------

  /** @param {SubmitEvent} event */
  async #correct(event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (this.one("[data-correct]"));
    const email = String(new FormData(form).get("email") ?? "");
    await this.busy(this.one("[data-correct] button"), async () => {
      const answer = await this.asked(`${this.#address}/email`, { json: { email } });
      if (!answer) return;
      form.reset();
      const { changed } = answer;
      const next = changed.replayed ? "Pesanan sedang diproses." : `${changed.mails} email dikirim ulang.`;
      this.#done(answer.order, `Alamatnya sekarang ${changed.email}. ${next}`);
    });
  }

  async #resend() {
    await this.busy(this.one("[data-resend]"), async () => {
      const answer = await this.asked(`${this.#address}/resend`, { json: {} });
      if (answer) this.#done(answer.order, `${answer.mails} email dikirim ulang ke ${answer.order.email}.`);
    });
  }

  /**
   * @param {Mail} mail
   * @param {HTMLElement} pressed
   */
  async #resendOne(mail, pressed) {
    await this.busy(pressed, async () => {
      if (!(await this.asked(`/api/admin/mails/${mail.id}/resend`, { json: {} }))) return;
      const answer = await this.asked(this.#address);
      if (answer) this.#done(answer.order, `Email dikirim ulang ke ${mail.to}.`);
    });
  }

  /**
   * @param {string[]} what none for all
   * @param {string} label
   */
  async #off(what, label) {
    const text = "Yang dinonaktifkan langsung tidak bisa dipakai. Pembelinya tidak diberi tahu.";
    if (!(await confirmed(`${label}?`, text, "Nonaktifkan"))) return;
    const answer = await this.asked(`${this.#address}/deactivate`, { json: what.length ? { what } : {} });
    if (answer) this.#done(answer.order, "Sudah dinonaktifkan.");
  }

  async #reviewed() {
    const answer = await this.asked(`/api/admin/webhooks/${this.#delivery?.id}/reviewed`, { json: {} });
    if (!answer || !this.#delivery) return;
    this.#delivery.reason = "reviewed";
    this.one("[data-news]").hidden = true;
    this.say("Ditandai sudah dicek.");
    this.announce("payment-order-changed");
  }

  /**
   * @param {Order} order
   * @param {string} words
   */
  #done(order, words) {
    this.#show(order);
    this.say(words);
    this.announce("payment-order-changed");
  }
}

/** @param {Order} order */
function isOn(order) {
  const all = [...order.licences, ...order.packages, ...(order.member ? [order.member] : [])];
  return all.some(({ status }) => status === "active");
}

/** @param {string} status */
function offWord(status) {
  return status === "active" ? "" : " · nonaktif";
}

customElements.define("payment-order", PaymentOrder);
