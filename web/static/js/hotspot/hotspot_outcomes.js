// @ts-check
/** What may become of a device, in words, and the choice of the one that has to go. */

import { inWords } from "../lib/clock.js";
import { make } from "../lib/dom.js";
import { sizeOf } from "../lib/sizes.js";

/** @typedef {{id: string, mac: string, name: string, seen_at: number}} Device */
/** @typedef {{state: string, message: string, status: string, page: string, waiting?: boolean,
 *   pending: boolean, agreed_on: string[], unlimited: boolean, purchased_bytes: number, remaining_bytes: number,
 *   devices: Device[], device_limit: number, login_url?: string, has_room?: boolean}} Hotspot */

/** What keeps a device out although its owner is in. @type {Record<string, [string, string]>} */
const WITHOUT = {
  habis: ["Kuota sudah habis", "Anda sudah masuk, tetapi internet baru jalan lagi setelah ada paket."],
  expired: [
    "Masa aktif sudah habis",
    "Anda sudah masuk, tetapi internet baru jalan lagi setelah ada paket baru.",
  ],
  inactive: ["Akun belum aktif", "Pengelola belum menyetujui nomor ini, atau akun sedang nonaktif."],
};

/** @type {Record<"over" | "handedOver", {title: string, text: string}>} */
export const ENDS = {
  over: {
    title: "Sesi ini sudah berakhir",
    text: "Masuk lagi dengan kode baru bila perlu.",
  },
  handedOver: {
    title: "Sudah pindah ke browser Anda",
    text: "Jendela ini boleh ditutup. Bukan Anda yang membuka tautannya? Masuk lagi, dan sesi itu keluar.",
  },
};

/** @param {Hotspot} hotspot whether the device stays out although its owner is in */
export function isKeptOut({ status }) {
  return status in WITHOUT;
}

/**
 * @param {Hotspot} hotspot
 * @returns {[string, string]} title and text
 */
export function wordsOf({ state, status, unlimited, remaining_bytes }) {
  const left = unlimited ? "Paket Anda tanpa batas kuota." : `Sisa kuota Anda ${sizeOf(remaining_bytes)}.`;
  return WITHOUT[status] ?? [state === "bound" ? "Anda tersambung" : "Anda sudah masuk", left];
}

/** @param {Device} device */
export function choice({ id, mac, name, seen_at }) {
  const ago = inWords(Math.max(60, Date.now() / 1000 - seen_at)).split(" ").slice(0, 2).join(" ");
  return make(
    "label",
    { class: "device-choice" },
    make("input", { type: "radio", name: "replace", value: id }),
    make(
      "span",
      {},
      make("strong", {}, name || "Perangkat"),
      make("small", {}, `…${mac.slice(-5)} · terlihat ${ago} lalu`),
    ),
  );
}
