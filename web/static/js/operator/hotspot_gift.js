// @ts-check
/** Giving a member a package: the choice, what would be in use until when, and the gift. */

import { turnRow } from "./hotspot_member_parts.js";

/** @typedef {import("./hotspot_words.js").Turn} Turn */

export class HotspotGift {
  #desk;
  #address;
  #give;

  /**
   * @param {import("./desk.js").DeskElement} desk the member's dialog
   * @param {() => string} address of the member
   * @param {(pressed: HTMLElement, name: string, packageId: string) => Promise<void>} give
   */
  constructor(desk, address, give) {
    this.#desk = desk;
    this.#address = address;
    this.#give = give;
  }

  begin() {
    this.#desk.listen("#beri", "change", () => this.#preview());
    this.#desk.listen("[data-give]", "submit", (event) => this.#submitted(event));
  }

  /** Puts the packages that there are into the choice. */
  async stock() {
    const found = await this.#desk.asked("/api/admin/packages", { quietly: true });
    if (!found) return;
    const chosen = this.#choice.value;
    this.#choice.replaceChildren(new Option("Pilih paket…", ""));
    for (const { id, name } of found.packages) this.#choice.append(new Option(name, id));
    this.#choice.value = [...this.#choice.options].some(({ value }) => value === chosen) ? chosen : "";
  }

  /** @param {Turn[]} turns what would be in use, none to say nothing */
  foresee(turns) {
    this.#desk.one("[data-preview]").hidden = !turns.length;
    this.#desk.one("[data-preview-turns]").replaceChildren(...turns.map(turnRow));
  }

  get #choice() {
    return /** @type {HTMLSelectElement} */ (this.#desk.one("#beri"));
  }

  /** Says before it is given what would be in use until when. */
  async #preview() {
    const { value } = this.#choice;
    this.foresee([]);
    if (!value) return;
    const json = { package_id: value, dry_run: true };
    const answer = await this.#desk.asked(`${this.#address()}/package`, { json });
    if (answer && this.#choice.value === value) this.foresee(answer.hotspot.packages);
  }

  /** @param {Event} event */
  async #submitted(event) {
    event.preventDefault();
    const { value } = this.#choice;
    if (!value) return this.#desk.say("Pilih paketnya dulu.", "alarm");
    const name = this.#choice.selectedOptions[0]?.text ?? "";
    await this.#give(this.#desk.one("[data-give] button"), name, value);
    this.#choice.value = "";
    this.foresee([]);
  }
}
