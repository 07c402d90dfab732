// @ts-check
/** The operator's inbox of payments, over /api/admin/webhooks. */

import { button, byId, make } from "../lib/dom.js";
import "./licences.js";
import { answered, emptyRow, tableRow } from "./payments_rows.js";

/** @type {Record<string, string>} */
const STATES = {
  received: "Diterima",
  processing: "Diproses",
  granted: "Hampir selesai",
  done: "Selesai",
  ignored: "Diabaikan",
  review: "Perlu dicek",
  conflict: "Bertentangan",
  dead: "Gagal",
  held: "Ditahan",
  quarantined: "Karantina",
  test: "Tes",
};

/** @type {Record<string, string>} what the server says of a delivery, in an operator's words */
const REASONS = {
  "no payment": "bukan pembayaran",
  "it is no payment": "bukan pembayaran",
  "it is over": "sudah selesai",
  malformed: "isi tidak terbaca",
  duplicate: "kiriman ulang",
  signature: "tanda tangan salah",
  "no key": "kunci merchant belum diatur",
  unverified: "tanpa tanda tangan",
  replayed: "diproses ulang",
  reviewed: "sudah dicek",
  "other event": "bukan pembayaran, mungkin pengembalian dana",
  "unknown event": "bukan pembayaran, pesanannya tidak dikenal",
  "no member for the hotspot package": "belum ada anggota untuk paket hotspot",
  "too many hotspot packages": "anggotanya masih punya terlalu banyak paket",
  "no such hotspot package": "paket hotspotnya sudah tidak ada",
  "known signature": "tanda tangan milik kiriman lain",
  "other content": "isi berbeda dari pesanan yang sama",
  "no refId": "tanpa refId",
  "no items": "tanpa produk",
  "odd items": "daftar produk tidak wajar",
  "odd quantity": "jumlah tidak wajar",
  "too many units": "terlalu banyak unit",
  "hotspot package": "paket hotspot, berikan lewat halaman admin",
  "no usable e-mail": "alamat email tidak bisa dipakai",
  "no merchant key fits its signature": "tanda tangan tidak cocok dengan kunci merchant mana pun",
};

/**
 * @typedef {{id: string, state: string, reason: string, received_at: number, email: string,
 *   ref_id: string, deliveries: number, verified: boolean}} Delivery
 */

const moment = new Intl.DateTimeFormat("id-ID", { dateStyle: "medium", timeStyle: "medium" });
const inboxSearch = /** @type {HTMLFormElement} */ (byId("inbox_search"));
const states = byId("inbox_states");
const rows = byId("inbox_rows");
const more = /** @type {HTMLButtonElement} */ (byId("inbox_more"));
const detail = byId("detail");
const replay = /** @type {HTMLButtonElement} */ (byId("detail_replay"));

let state = "";
/** @type {number | null} */
let next = null;
let shown = "";

more.addEventListener("click", () => void load(next));
byId("detail_dry").addEventListener("click", () => void plan(true));
replay.addEventListener("click", () => void plan(false));
inboxSearch.addEventListener("submit", (event) => {
  event.preventDefault();
  void load(null);
});
document.addEventListener("payment-order-changed", () => void load(null));
void load(null);

/** @param {number | null} before */
async function load(before) {
  const query = new URLSearchParams({ limit: "50" });
  if (state) query.set("state", state);
  const q = String(new FormData(inboxSearch).get("q") ?? "").trim();
  if (q) query.set("q", q);
  if (before !== null) query.set("before", String(before));
  const body = await answered(`/api/admin/webhooks?${query}`);
  if (!body) return;
  showStates(body.counts);
  if (before === null) rows.replaceChildren();
  for (const row of body.webhooks) rows.append(deliveryRow(row));
  if (!rows.firstChild) rows.append(emptyRow(q ? "Tidak ada kiriman yang cocok." : "Belum ada kiriman."));
  next = body.next;
  more.hidden = next === null;
}

/** @param {Record<string, number>} counts */
function showStates(counts) {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  states.replaceChildren(stateButton("", "Semua", all));
  for (const name of (states.dataset.states ?? "").split(" ")) {
    states.append(stateButton(name, STATES[name] ?? name, counts[name] ?? 0));
  }
}

/**
 * @param {string} name
 * @param {string} label
 * @param {number} count
 */
function stateButton(name, label, count) {
  const choose = () => {
    state = name;
    void load(null);
  };
  const pressed = String(name === state);
  return button(`${label} ${count}`, choose, { class: "button quiet", "aria-pressed": pressed });
}

/** @param {Delivery} row */
function deliveryRow(row) {
  const label = STATES[row.state] ?? row.state;
  const line = tableRow([
    moment.format(row.received_at * 1000),
    withReason(label, row.reason),
    row.email || "-",
    row.ref_id.slice(0, 12) || "-",
    `${row.deliveries}×${row.verified ? "" : " tanpa tanda tangan"}`,
  ]);
  line.insertCell().append(button("Lihat", () => show(row.id), { class: "button quiet" }));
  return line;
}

/**
 * @param {string} label
 * @param {string} reason
 */
function withReason(label, reason) {
  return reason ? `${label} (${REASONS[reason] ?? reason})` : label;
}

/** @param {string} id */
async function show(id) {
  const body = await answered(`/api/admin/webhooks/${id}`);
  if (!body) return;
  shown = id;
  const row = body.webhook;
  const facts = {
    Status: withReason(STATES[row.state] ?? row.state, row.reason),
    refId: row.ref_id || "-",
    Penyimpanan: row.tier,
    Alamat: row.address,
    Percobaan: String(row.attempts),
  };
  byId("detail_facts").replaceChildren(...Object.entries(facts).map(([name, text]) => fact(name, text)));
  byId("detail_body").textContent = row.body;
  byId("detail_plan").hidden = true;
  replay.hidden = true;
  detail.hidden = false;
  byId("detail-title").focus();
  document.dispatchEvent(new CustomEvent("payment-order", { detail: row }));
}

/** @param {boolean} dryRun */
async function plan(dryRun) {
  const body = await answered(`/api/admin/webhooks/${shown}/replay`, { dry_run: dryRun });
  if (!body) return;
  const { possible, why, licences, members, mails } = body.plan;
  const note = byId("detail_plan");
  note.hidden = false;
  replay.hidden = !(possible && dryRun);
  if (!possible) note.textContent = `Tidak ada yang bisa diproses: ${REASONS[why] ?? why}.`;
  else if (dryRun) {
    note.textContent = `Akan dibuat: ${licences} lisensi, ${members} akun, ${mails} email.`;
  } else {
    note.textContent = "Sedang diproses ulang.";
    void load(null);
  }
}

/**
 * @param {string} name
 * @param {string} text
 */
function fact(name, text) {
  return make("div", {}, make("dt", {}, name), make("dd", {}, text));
}
