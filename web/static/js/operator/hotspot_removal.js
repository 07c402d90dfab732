// @ts-check
/** Removing a member: the name is typed first, and the end is reached when no router has a trace. */

const LOOK_MS = 1_000;

/** @typedef {import("./hotspot_words.js").Row} Row */

/**
 * @typedef {object} RemovalOptions
 * @property {() => Row | null} row who is shown
 * @property {() => string} address of the member
 * @property {(row: Row, still: Row) => void} onLeaving removed, and still on a router
 * @property {(row: Row) => void} onGone
 */

export class HotspotRemoval {
  #desk;
  /** @type {RemovalOptions} */ #options;

  /**
   * @param {import("./desk.js").DeskElement} desk the member's dialog
   * @param {RemovalOptions} options
   */
  constructor(desk, options) {
    this.#desk = desk;
    this.#options = options;
  }

  begin() {
    this.#desk.listen("[data-remove]", "click", () => this.want(true));
    this.#desk.listen("[data-keep]", "click", () => this.want(false));
    this.#desk.listen("[data-remove-form]", "input", () => this.#matchName());
    this.#desk.listen("[data-remove-form]", "submit", (event) => this.#remove(event));
  }

  /** @param {boolean} wanted whether the form for it is shown */
  want(wanted) {
    const form = /** @type {HTMLFormElement} */ (this.#desk.one("[data-remove-form]"));
    const was = !form.hidden;
    form.reset();
    form.hidden = !wanted;
    this.#matchName();
    if (wanted) this.#desk.one("#ketik").focus();
    else if (was && this.#options.row()) this.#desk.one("[data-remove]").focus();
  }

  #matchName() {
    const row = this.#options.row();
    const typed = /** @type {HTMLInputElement} */ (this.#desk.one("#ketik")).value.trim();
    this.#go.disabled = !row || typed !== (row.name || row.id).trim();
  }

  get #go() {
    return /** @type {HTMLButtonElement} */ (this.#desk.one("[data-remove-form] [type=submit]"));
  }

  /** @param {Event} event */
  async #remove(event) {
    event.preventDefault();
    const row = this.#options.row();
    if (!row) return;
    await this.#desk.busy(this.#go, async () => {
      if (!(await this.#desk.asked(this.#options.address(), { method: "DELETE" }))) return;
      this.want(false);
      const still = (await this.#left(row))?.members[0];
      if (still) {
        this.#options.onLeaving(row, still);
        this.#desk.later(LOOK_MS, () => this.lookForEnd(row));
      } else this.#options.onGone(row);
      this.#desk.announce("hotspot-changed");
    });
  }

  /** @param {Row} row */
  async lookForEnd(row) {
    if (this.#options.row()?.id !== row.id) return;
    const left = await this.#left(row);
    if (left && !left.members.length) this.#options.onGone(row);
    else this.#desk.later(LOOK_MS, () => this.lookForEnd(row));
  }

  /** @param {Row} row */
  #left(row) {
    return this.#desk.asked(`/api/admin/hotspot/members?ids=${row.id}`, { quietly: true });
  }
}
