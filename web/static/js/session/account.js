// @ts-check
/** The member's own account: sends its forms, shows what was bought and what was done. */

import "../lib/password_field.js";
import { codeIn } from "../hotspot/hotspot_code.js";
import { reply } from "../lib/ask.js";
import { byId, field, line, make, occupy, part, replace, say, write } from "../lib/dom.js";
import { whyNot, whyNotNow } from "../lib/words.js";
import { deedInWords, isDeletionAsked } from "./account_words.js";

/** A password is hashed in its turn, behind others. */
const DEADLINE_MS = 20_000;

const moment = new Intl.DateTimeFormat("id-ID", { dateStyle: "medium", timeStyle: "short" });

/** @typedef {import("../lib/ask.js").Answer} Answer */

begin();

function begin() {
  onSubmit("name", "/api/me", "PATCH", () => done("name", "Nama tersimpan."));
  for (const name of ["email", "phone"]) {
    if (document.getElementById(`${name}_form`)) beginContact(/** @type {"email" | "phone"} */ (name));
  }
  onSubmit("deletion", "/api/me/deletion", "POST", ({ body }) => {
    done("deletion", body.message);
    showDeletion(true);
  });
  byId("deletion_withdraw").addEventListener("click", () => void withdraw());
  void showBought();
  void showAudit();
}

/** @param {"email" | "phone"} name */
function beginContact(name) {
  const codeForm = byId(`${name}_code_form`, HTMLFormElement);
  onSubmit(name, `/api/me/${name}`, "POST", ({ body }) => {
    write(`${name}_code_text`, body.message);
    codeForm.hidden = false;
    field(`${name}_code`).focus();
  });
  codeForm.addEventListener("submit", (event) => {
    event.preventDefault();
    void confirm(name, codeForm);
  });
}

/**
 * @param {"email" | "phone"} name
 * @param {HTMLFormElement} codeForm
 */
async function confirm(name, codeForm) {
  const code = codeIn(field(`${name}_code`).value);
  if (!code) return say(`${name}_message`, "Kode terdiri dari 6 angka.");
  const answer = await send(name, codeForm, `/api/me/${name}/confirm`, "POST", { code });
  if (!answer?.ok) return;
  write(`${name}_now`, answer.body[name]);
  codeForm.hidden = true;
  codeForm.reset();
  byId(`${name}_form`, HTMLFormElement).reset();
  done(name, name === "email" ? "Email diganti." : "Nomor HP diganti.");
  void showAudit();
}

/**
 * @param {string} name of a form and of its message
 * @param {string} address
 * @param {string} method
 * @param {(answer: Answer) => void} then
 */
function onSubmit(name, address, method, then) {
  const form = byId(`${name}_form`, HTMLFormElement);
  /** @type {HTMLButtonElement} */ (part(form, "[type=submit]")).disabled = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = await send(name, form, address, method, Object.fromEntries(new FormData(form)));
    if (!answer?.ok) return;
    for (const password of /** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll("[name=password]"))) {
      password.value = "";
    }
    then(answer);
  });
}

/**
 * @param {string} name where a refusal is said
 * @param {HTMLFormElement} form
 * @param {string} address
 * @param {string} method
 * @param {object} json
 */
async function send(name, form, address, method, json) {
  const button = /** @type {HTMLButtonElement} */ (part(form, "[type=submit]"));
  say(`${name}_message`, "");
  occupy(button, true);
  const answer = await reply(address, { method, json, deadlineMs: DEADLINE_MS });
  occupy(button, false);
  if (!answer?.ok) say(`${name}_message`, whyNotNow(answer));
  return answer;
}

/**
 * @param {string} name
 * @param {string} text
 */
function done(name, text) {
  say(`${name}_message`, text, "calm");
}

// What was bought and done ---------------------------------------------------------------------

async function showBought() {
  const answer = await reply("/api/me/orders");
  if (!answer?.ok) {
    replace("orders", []);
    return say("bought_message", whyNot(answer));
  }
  const { licences, orders } = answer.body;
  replace("licences", licences.map(licenceRow));
  replace("orders", orders.length ? orders.map(orderRow) : [line("li", "hint", "Belum ada pesanan dengan email ini.")]);
}

/** @param {{key_license: string, product: string, status: string, is_in_use: boolean}} licence */
function licenceRow({ key_license, product, status, is_in_use }) {
  const state = status !== "active" ? "tidak berlaku" : is_in_use ? "sedang dipakai" : "belum dipakai";
  return make("li", {}, line("span", "", product), make("code", {}, key_license), line("span", "account-note", state));
}

/** @param {{ref_id: string, id_order: string, paid_at: number}} order */
function orderRow({ ref_id, id_order, paid_at }) {
  const link = make("a", { href: `/order/${encodeURIComponent(ref_id)}` }, `Pesanan ${id_order}`);
  return make("li", {}, link, line("span", "account-note", moment.format(paid_at * 1000)));
}

async function showAudit() {
  const answer = await reply("/api/me/audit");
  if (!answer?.ok) {
    replace("audit", []);
    return say("audit_message", whyNot(answer));
  }
  const deeds = answer.body.audit;
  replace("audit", deeds.length ? deeds.map(deedRow) : [line("li", "hint", "Belum ada catatan.")]);
  showDeletion(isDeletionAsked(deeds));
}

/** @param {import("./account_words.js").Deed} deed */
function deedRow(deed) {
  const note = [moment.format(deed.at * 1000), deed.ip && `dari ${deed.ip}`].filter(Boolean).join(", ");
  return make("li", {}, line("span", "", deedInWords(deed)), line("span", "account-note", note));
}

/** @param {boolean} isAsked */
function showDeletion(isAsked) {
  byId("deletion_form").hidden = isAsked;
  byId("deletion_withdraw").hidden = !isAsked;
  if (isAsked) write("deletion_text", "Anda sudah meminta akun ini dihapus. Pengelola memprosesnya; sampai saat itu akun tetap bisa dipakai.");
}

async function withdraw() {
  const answer = await reply("/api/me/deletion", { method: "DELETE" });
  if (!answer?.ok) return say("deletion_message", whyNotNow(answer));
  done("deletion", answer.body.message);
  write("deletion_text", "Pengelola memproses permintaan Anda. Sampai saat itu akun tetap bisa dipakai, dan Anda bisa membatalkannya.");
  showDeletion(false);
}
