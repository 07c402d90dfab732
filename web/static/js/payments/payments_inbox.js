// @ts-check
/** The operator's inbox of payments, over /api/admin/webhooks and /api/admin/licenses. */

import { ask } from "../lib/ask.js";

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

const moment = new Intl.DateTimeFormat("id-ID", { dateStyle: "medium", timeStyle: "medium" });
const inboxSearch = /** @type {HTMLFormElement} */ (element("inbox_search"));
const states = element("inbox_states");
const rows = element("inbox_rows");
const more = /** @type {HTMLButtonElement} */ (element("inbox_more"));
const detail = element("detail");
const replay = /** @type {HTMLButtonElement} */ (element("detail_replay"));
const search = /** @type {HTMLFormElement} */ (element("licence_search"));

let state = "";
/** @type {number | null} */
let next = null;
let shown = "";

more.addEventListener("click", () => void load(next));
element("detail_dry").addEventListener("click", () => void plan(true));
replay.addEventListener("click", () => void plan(false));
inboxSearch.addEventListener("submit", (event) => {
  event.preventDefault();
  void load(null);
});
document.addEventListener("payment-order-changed", () => {
  void load(null);
  void loadLicences();
});
search.addEventListener("submit", (event) => {
  event.preventDefault();
  void loadLicences();
});
void load(null);
void loadLicences();

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
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button quiet";
  button.textContent = `${label} ${count}`;
  button.setAttribute("aria-pressed", String(name === state));
  button.addEventListener("click", () => {
    state = name;
    void load(null);
  });
  return button;
}

/** @param {any} row */
function deliveryRow(row) {
  const label = STATES[row.state] ?? row.state;
  const line = tableRow([
    moment.format(row.received_at * 1000),
    withReason(label, row.reason),
    row.email || "-",
    row.ref_id.slice(0, 12) || "-",
    `${row.deliveries}×${row.verified ? "" : " tanpa tanda tangan"}`,
  ]);
  const open = document.createElement("button");
  open.type = "button";
  open.className = "button quiet";
  open.textContent = "Lihat";
  open.addEventListener("click", () => void show(row.id));
  line.insertCell().append(open);
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
  element("detail_facts").replaceChildren(...Object.entries(facts).map(([name, text]) => fact(name, text)));
  element("detail_body").textContent = row.body;
  element("detail_plan").hidden = true;
  replay.hidden = true;
  detail.hidden = false;
  element("detail-title").focus();
  document.dispatchEvent(new CustomEvent("payment-order", { detail: row }));
}

/** @param {boolean} dryRun */
async function plan(dryRun) {
  const body = await answered(`/api/admin/webhooks/${shown}/replay`, { dry_run: dryRun });
  if (!body) return;
  const { possible, why, licences, members, mails } = body.plan;
  const note = element("detail_plan");
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

async function loadLicences() {
  const q = String(new FormData(search).get("q") ?? "").trim();
  const body = await answered(`/api/admin/licenses?${new URLSearchParams({ q })}`);
  if (!body) return;
  const list = element("licence_rows");
  list.replaceChildren();
  for (const row of body.licenses) list.append(licenceRow(row));
  if (!list.firstChild) list.append(emptyRow("Tidak ada lisensi."));
}

/** @param {any} row */
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

/**
 * @param {string} path
 * @param {unknown} [json]
 * @param {string} [method]
 * @returns {Promise<any>} null when it failed, which was said
 */
async function answered(path, json, method) {
  const answer = await ask(path, { json, method }).catch(() => null);
  const message = element("inbox_message");
  const text = answer?.ok ? "" : (answer?.body.message ?? "Server tidak terjangkau. Coba lagi sebentar.");
  message.textContent = text;
  message.style.display = text ? "flex" : "none";
  return answer?.ok ? answer.body : null;
}

/** @param {string[]} texts */
function tableRow(texts) {
  const row = document.createElement("tr");
  for (const text of texts) row.insertCell().textContent = text;
  return row;
}

/** @param {string} text */
function emptyRow(text) {
  const row = document.createElement("tr");
  const cell = row.insertCell();
  cell.colSpan = 6;
  cell.className = "hint";
  cell.textContent = text;
  return row;
}

/**
 * @param {string} name
 * @param {string} text
 */
function fact(name, text) {
  const box = document.createElement("div");
  const term = document.createElement("dt");
  const value = document.createElement("dd");
  term.textContent = name;
  value.textContent = text;
  box.append(term, value);
  return box;
}

/** @param {string} id */
function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}
