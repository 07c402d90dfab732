// @ts-check
/** The operator's licences, over /api/admin/licenses: search, who wins, on and off. */

import { byId } from "../lib/dom.js";
import { answered, emptyRow, tableRow } from "./payments_rows.js";

/**
 * @typedef {{id: number, key_license: string, title: string, email: string,
 *   device_name: string | null, policy: string, status: string}} LicenceRow
 */

const search = byId("licence_search", HTMLFormElement);

search.addEventListener("submit", (event) => {
  event.preventDefault();
  void loadLicences();
});
document.addEventListener("payment-order-changed", () => void loadLicences());
void loadLicences();

async function loadLicences() {
  const q = String(new FormData(search).get("q") ?? "").trim();
  const body = await answered(`/api/admin/licenses?${new URLSearchParams({ q })}`);
  if (!body) return;
  const list = byId("licence_rows");
  list.replaceChildren();
  for (const row of body.licenses) list.append(licenceRow(row));
  if (!list.firstChild) list.append(emptyRow("Tidak ada lisensi."));
}

/** @param {LicenceRow} row */
function licenceRow(row) {
  const line = tableRow([row.key_license, row.title, row.email, row.device_name ?? "-"]);
  line.insertCell().append(
    choice(row.id, "policy", row.policy, { last_wins: "Perangkat baru menang", first_wins: "Perangkat lama menang" }),
  );
  line.insertCell().append(
    choice(row.id, "status", row.status, { active: "Aktif", disabled: "Nonaktif" }),
  );
  return line;
}

/**
 * @param {number} id
 * @param {string} field
 * @param {string} value
 * @param {Record<string, string>} labels
 */
function choice(id, field, value, labels) {
  const select = document.createElement("select");
  select.setAttribute("aria-label", field === "policy" ? "Aturan" : "Status");
  for (const [name, label] of Object.entries(labels)) {
    select.append(new Option(label, name, name === value, name === value));
  }
  select.addEventListener("change", async () => {
    const done = await answered(`/api/admin/licenses/${id}`, { [field]: select.value }, "PATCH");
    if (done) value = select.value;
    else select.value = value;
  });
  return select;
}
