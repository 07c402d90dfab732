// @ts-check
/**
 * `<list-preview>`: a list as the server understood it, before anything is written: how many, from
 * which columns, the first lines, those that are left out and why, and what may be done with it.
 */

/**
 * @typedef {object} Shown
 * @property {string} head what it comes to, in one sentence
 * @property {Record<string, string>} columns field, and the heading it was read from
 * @property {string[]} titles of the table
 * @property {string[][]} rows the first lines
 * @property {number} total how many there are in all
 * @property {{line: number, reason: string}[]} skipped
 * @property {number} skipped_count
 *
 * @typedef {{label: string, act: () => void}} Choice
 */

const MOST_REASONS = 5;

export class ListPreview extends HTMLElement {
  /**
   * @param {Shown} shown
   * @param {Choice[]} choices
   */
  show(shown, choices) {
    const actions = made("p", { className: "actions" });
    actions.append(...choices.map(asButton));
    this.replaceChildren(
      made("p", { className: "preview-head", textContent: shown.head }),
      ...columnsOf(shown),
      tableOf(shown),
      ...skippedOf(shown),
      actions,
    );
    this.hidden = false;
    this.scrollIntoView({ block: "nearest" });
  }
}

/**
 * @param {Choice} choice
 * @param {number} at
 */
function asButton({ label, act }, at) {
  const button = made("button", { className: at ? "button quiet" : "button primary", textContent: label });
  button.setAttribute("type", "button");
  button.addEventListener("click", act);
  return button;
}

/** @param {Shown} shown */
function columnsOf({ columns }) {
  const named = Object.values(columns).map((head) => `\u201c${head}\u201d`);
  if (named.length === 0) return [];
  return [made("p", { className: "hint", textContent: `Dibaca dari kolom ${named.join(", ")}.` })];
}

/** @param {Shown} shown */
function tableOf({ titles, rows, total }) {
  const frame = made("div", { className: "preview-table" });
  frame.setAttribute("role", "region");
  frame.setAttribute("aria-label", "Baris pertama");
  frame.tabIndex = 0;
  const table = made("table", {});
  const head = made("tr", {});
  head.append(...titles.map((title) => made("th", { textContent: title })));
  const body = rows.map((cells) => {
    const row = made("tr", {});
    row.append(...cells.map((cell) => made("td", { textContent: cell })));
    return row;
  });
  const top = made("thead", {});
  top.append(head);
  const lines = made("tbody", {});
  lines.append(...body);
  table.append(top, lines);
  frame.append(table);
  if (total > rows.length) {
    frame.append(made("p", { className: "hint", textContent: `\u2026 dan ${total - rows.length} lagi.` }));
  }
  return frame;
}

/** @param {Shown} shown */
function skippedOf({ skipped, skipped_count }) {
  if (!skipped_count) return [];
  const list = made("ul", { className: "preview-skipped" });
  list.append(
    ...skipped
      .slice(0, MOST_REASONS)
      .map(({ line, reason }) => made("li", { textContent: `Baris ${line}: ${reason}` })),
  );
  return [made("p", { textContent: `${skipped_count} baris dilewati:` }), list];
}

/**
 * @param {string} tag
 * @param {{className?: string, textContent?: string}} what
 */
function made(tag, what) {
  return Object.assign(document.createElement(tag), what);
}

customElements.define("list-preview", ListPreview);
