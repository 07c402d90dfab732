// @ts-check
/** The operator's hotspot desk: its parts, and which of its sections is shown. */

import "./hotspot_admin_member.js";
import "./hotspot_admin_members.js";
import "./hotspot_admin_overview.js";
import "./hotspot_admin_packages.js";
import "./hotspot_admin_plan.js";
import "./hotspot_admin_runs.js";

const SECTIONS = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".desk-section"));
const LINKS = /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll(".desk-tabs a"));

addEventListener("hashchange", choose);
choose();

/** Shows the section that the address names, the first where it names none. */
function choose() {
  const wanted = location.hash.slice(1);
  const shown = [...SECTIONS].find(({ id }) => id === wanted) ?? SECTIONS[0];
  for (const section of SECTIONS) section.hidden = section !== shown;
  for (const link of LINKS) {
    if (link.hash === `#${shown?.id}`) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  document.dispatchEvent(new CustomEvent("desk-section", { detail: shown?.id }));
}
