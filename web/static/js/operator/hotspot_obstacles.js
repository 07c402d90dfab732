// @ts-check
/** What is in a member's way on a router, whose it is, and the owner's two buttons. */

import { button, make } from "../lib/dom.js";
import { confirmed } from "./desk.js";
import { obstacleWords } from "./hotspot_words.js";

/** @typedef {import("./hotspot_words.js").InTheWay} InTheWay */
/** @typedef {"take" | "leave"} Choice */
/** @typedef {(pressed: HTMLElement, done: string, json: unknown) => Promise<void>} Decide */

export class HotspotObstacles {
  #desk;
  #decide;

  /**
   * @param {import("./desk.js").DeskElement} desk
   * @param {Decide} decide
   */
  constructor(desk, decide) {
    this.#desk = desk;
    this.#decide = decide;
  }

  /** @param {import("./hotspot_words.js").Row} row */
  show({ obstacles = [] }) {
    const list = this.#desk.one("[data-obstacles]");
    const shown = JSON.stringify(obstacles);
    if (list.dataset.shown === shown) return;
    list.dataset.shown = shown;
    const held = list.contains(document.activeElement);
    list.replaceChildren(...obstacles.map((seen) => this.#row(seen)));
    list.hidden = !obstacles.length;
    if (held) this.#desk.one("[data-close]").focus();
  }

  /** @param {InTheWay} seen */
  #row(seen) {
    const row = make("li", {}, make("span", {}, obstacleWords(seen)));
    if (!seen.mark) return row;
    const take = button("Ambil alih", () => this.#chosen(seen, take, "take"), { class: "button" });
    const leave = button("Biarkan", () => this.#chosen(seen, leave, "leave"), { class: "button quiet" });
    take.hidden = seen.decision === "take";
    leave.hidden = seen.decision !== "";
    row.append(take, leave);
    return row;
  }

  /**
   * @param {InTheWay} seen
   * @param {HTMLElement} pressed
   * @param {Choice} choice
   */
  async #chosen({ router, mark, where, whose }, pressed, choice) {
    const words = `Baris ${where}${whose ? ` (“${whose}”)` : ""} di router ${router} diganti dengan milik anggota ini.`;
    if (choice === "take" && !(await confirmed("Ambil alih?", words, "Ambil alih"))) return;
    await this.#decide(pressed, choice === "take" ? "Diambil alih." : "Dibiarkan.", { router, mark, choice });
  }
}
