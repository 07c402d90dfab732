// @ts-check
/** The buyer's page: turns the moment the server says how far the order is. */

import { reply } from "../lib/ask.js";
import { write } from "../lib/dom.js";
import { whyNot } from "../lib/words.js";

/** A stream that the server refused (full, restarting) is asked for again after this. */
const RETRY_MS = 5_000;

/** @typedef {{state: string, id_order?: string, email?: string, licences?: number, packages?: number, member?: boolean}} Order */

const box = /** @type {HTMLElement} */ (document.getElementById("order"));
const ref = box.dataset.ref ?? "";

document.getElementById("order_resend")?.addEventListener("click", () => void resend());
if (box.dataset.state !== "done") listen();

function listen() {
  const stream = new EventSource(`/api/realtime/order-stream?ref=${encodeURIComponent(ref)}`);
  stream.addEventListener("order", (event) => {
    show(JSON.parse(/** @type {MessageEvent} */ (event).data));
    if (box.dataset.state === "done") stream.close();
  });
  stream.addEventListener("error", () => {
    if (stream.readyState !== EventSource.CLOSED) return;
    setTimeout(() => void lookAndListen(), RETRY_MS);
  });
}

async function lookAndListen() {
  const answer = await reply(`/api/order/${encodeURIComponent(ref)}`);
  if (answer?.ok) show(answer.body.order);
  if (box.dataset.state !== "done") listen();
}

/** @param {Order} order */
function show(order) {
  const [title, lead] = wordsFor(order);
  box.dataset.state = order.state;
  write("order_title", title);
  write("order_lead", lead);
  if (order.id_order) write("order_id", order.id_order);
  const again = document.getElementById("order_again");
  if (again) again.hidden = order.state !== "done" || !(order.licences || order.member);
}

/** The mails once more, to the address that the order has and no other. */
async function resend() {
  const answer = await reply(`/api/order/${encodeURIComponent(ref)}/resend`, { json: {} });
  if (answer?.ok) write("order_resent", `Sudah kami kirim lagi ke ${answer.body.email}. Periksa juga folder spam.`);
  else if (answer?.status === 429) write("order_resent", "Baru saja dikirim. Tunggu beberapa menit, lalu coba lagi.");
  else write("order_resent", whyNot(answer));
}

/**
 * @param {Order} order
 * @returns {[string, string]} title and lead
 */
export function wordsFor(order) {
  if (order.state === "done" && order.packages && !order.licences && !order.member) {
    return [
      "Pembayaran Anda sudah kami terima",
      "Paket hotspot Anda sudah aktif. Sambungkan perangkat ke Wi-Fi seperti biasa.",
    ];
  }
  if (order.state === "done") {
    const sent = order.licences
      ? order.member ? "Kunci lisensi dan info akun" : "Kunci lisensi"
      : "Info akun Anda";
    return [
      "Pembayaran Anda sudah kami terima",
      `${sent} sudah dikirim ke ${order.email}. Periksa juga folder spam.`,
    ];
  }
  if (order.state === "received") {
    return [
      "Pembayaran masuk, sedang kami siapkan",
      "Biasanya selesai dalam hitungan detik. Halaman ini berubah sendiri.",
    ];
  }
  if (order.state === "review") {
    return [
      "Pesanan Anda sedang kami periksa",
      "Ada data yang perlu dicek oleh pengelola. Anda tidak perlu membayar lagi.",
    ];
  }
  return [
    "Menunggu pembayaran",
    "Begitu Lynk.id mengabari pembayaran Anda, halaman ini berubah sendiri. Tidak perlu dimuat ulang.",
  ];
}
