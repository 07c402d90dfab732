// @ts-check
/** What a member's dialog is made of: packages in their turn, devices, two weeks of usage. */

import { button, make } from "../lib/dom.js";
import { sizeOf } from "../lib/sizes.js";
import { turnWords } from "./hotspot_words.js";

/** @typedef {import("./hotspot_words.js").Row} Row */
/** @typedef {import("./hotspot_words.js").Turn} Turn */
/** @typedef {{day: string, bytes: number}} Day */

const MOMENT = new Intl.DateTimeFormat("id-ID", { dateStyle: "medium", timeStyle: "short" });

const BAR = 20;
const PLOT_HEIGHT = 64;
const SVG = "http://www.w3.org/2000/svg";

/** @param {Turn} turn */
export function turnRow(turn) {
  const moment = (/** @type {number} */ at) => MOMENT.format(at * 1000);
  const name = turn.package || "Paket";
  const is_new = turn.id === "preview";
  return make(
    "li",
    { "data-state": turn.state },
    make(
      "span",
      {},
      make("strong", {}, is_new ? `${name} (baru)` : name),
      make("small", {}, turnWords(turn, moment)),
    ),
  );
}

/**
 * @param {Row["devices"][number]} device
 * @param {(pressed: HTMLElement) => unknown} onRelease
 */
export function deviceRow(device, onRelease) {
  const seen = MOMENT.format(device.seen_at * 1000);
  const name = device.name || "Perangkat";
  const release = button("Lepas", () => onRelease(release), {
    class: "button quiet",
    "aria-label": `Lepas ${device.name || device.mac}`,
  });
  return make(
    "li",
    {},
    make("span", {}, make("strong", {}, name), make("small", {}, `${device.mac} · terlihat ${seen}`)),
    release,
  );
}

/** @param {Day[]} days */
export function plotOf(days) {
  const most = Math.max(1, ...days.map(({ bytes }) => bytes));
  const plot = svg("svg", {
    class: "usage-plot",
    viewBox: `0 0 ${days.length * BAR} ${PLOT_HEIGHT + 16}`,
    role: "img",
    "aria-label": days.map(({ day, bytes }) => `${day}: ${sizeOf(bytes)}`).join(", "),
  });
  days.forEach(({ day, bytes }, place) => {
    const height = Math.round((bytes / most) * PLOT_HEIGHT * 10) / 10;
    const bar = svg("rect", { x: place * BAR + 3, y: PLOT_HEIGHT - height, width: BAR - 6, height, rx: 2 });
    bar.append(svg("title", {}, `${day}: ${sizeOf(bytes)}`));
    const label = svg("text", { x: place * BAR + BAR / 2, y: PLOT_HEIGHT + 12 }, String(Number(day.slice(-2))));
    plot.append(bar, label);
  });
  plot.append(svg("line", { x1: 0, x2: days.length * BAR, y1: PLOT_HEIGHT, y2: PLOT_HEIGHT }));
  return plot;
}

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {string} [text]
 */
function svg(tag, attributes, text = "") {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.textContent = text;
  return made;
}
