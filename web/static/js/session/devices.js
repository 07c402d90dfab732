// @ts-check
/** The list of the member's devices, and ending what is open there. */

import { Unreachable, ask, reply } from "../lib/ask.js";
import { inWords } from "../lib/clock.js";
import { Modal } from "../lib/modal.js";
import { byId, line, say } from "../lib/dom.js";
import { UNREACHABLE } from "../lib/words.js";

const ADDRESS = "/api/devices";
const ALL_WEB_ADDRESS = "/api/devices/logout-all-web";

/** Somebody may log in elsewhere while the page is open. */
const REFRESH_MS = 30_000;

/** @typedef {{id: string, device_type: string, device_name: string, is_active: boolean,
 *   is_primary: boolean, is_current: boolean, last_active_at: number, created_at: number,
 *   last_ip: string}} Device */

const moment = new Intl.DateTimeFormat("id-ID", { dateStyle: "medium", timeStyle: "short" });
const question = new Modal(byId("end-modal"));
const everyWeb = /** @type {HTMLButtonElement} */ (byId("end-all-web"));

begin();

function begin() {
  byId("devices").addEventListener("click", (event) => {
    const button = /** @type {HTMLElement | null} */ (
      /** @type {Element} */ (event.target).closest("[data-end]")
    );
    if (button) void end(button);
  });
  everyWeb.addEventListener("click", () => void endAllWeb());
  document.addEventListener("visibilitychange", () => document.hidden || void look());
  setInterval(() => document.hidden || void look(), REFRESH_MS);
  void look();
}

async function look() {
  const answer = await reply(ADDRESS);
  if (answer?.ok) show(answer.body.devices);
  else if (!answer) say("devices_message", "Server tidak terjangkau. Daftar ini mungkin sudah berubah.", "alarm");
}

// Ending ---------------------------------------------------------------------------------------

/** @param {HTMLElement} button */
async function end(button) {
  const { end: id = "", name = "", active } = button.dataset;
  if (active === "1") {
    byId("end-title").textContent = `Keluarkan ${name}?`;
    byId("end-text").textContent = "Semua tab di perangkat itu langsung keluar.";
    if ((await question.ask()) !== "end") return;
  }
  await act(() => ask(`${ADDRESS}/${encodeURIComponent(id)}`, { method: "DELETE" }));
}

async function endAllWeb() {
  byId("end-title").textContent = "Keluarkan semua sesi web?";
  byId("end-text").textContent = "Semua browser langsung keluar. Ponsel tetap masuk.";
  if ((await question.ask()) !== "end") return;
  everyWeb.disabled = true;
  await act(() => ask(ALL_WEB_ADDRESS, { method: "POST" }));
}

/** @param {() => Promise<import("../lib/ask.js").Answer>} request */
async function act(request) {
  try {
    const { ok, body } = await request();
    say("devices_message", ok ? told(body) : body.message ?? "Belum berhasil.", ok ? "calm" : "alarm");
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    say("devices_message", UNREACHABLE, "alarm");
  }
  await look();
}

/** @param {{message: string, receipt?: {targeted: number, delivered: number, acked: number}}} body */
function told({ message, receipt }) {
  if (!receipt || !receipt.targeted) return `${message}.`.replace("..", ".");
  return `${message}. ${receipt.delivered} tab diberi tahu, ${receipt.acked} menjawab.`.replace("..", ".");
}

// The list -------------------------------------------------------------------------------------

/** @param {Device[]} devices the one that was active last first */
function show(devices) {
  const order = (/** @type {Device} */ device) =>
    Number(device.is_current) * 4 + Number(device.is_active) * 2 + Number(device.is_primary);
  const sorted = [...devices].sort((one, other) => order(other) - order(one));
  byId("devices").replaceChildren(...sorted.map(row));
  const web = devices.filter((device) => device.is_active && device.device_type === "web");
  everyWeb.disabled = web.length === 0;
  byId("web-count").textContent = web.length
    ? `${web.length} sesi web sedang aktif.`
    : "Tidak ada sesi web yang aktif.";
}

/** @param {Device} device */
function row(device) {
  const item = document.createElement("li");
  item.className = "device-row";
  item.classList.toggle("is-resting", !device.is_active);
  item.append(picture(device.device_type), words(device));
  if (!device.is_current) item.append(endButton(device));
  return item;
}

/** @param {string} type */
function picture(type) {
  const template = /** @type {HTMLTemplateElement} */ (
    byId(type === "mobile" ? "phone-picture" : "screen-picture")
  );
  return template.content.cloneNode(true);
}

/** @param {Device} device */
function words(device) {
  const box = document.createElement("div");
  box.className = "device-words";
  const name = line("p", "device-name", device.device_name);
  if (device.is_current) name.append(badge("Perangkat ini"));
  if (device.is_primary) name.append(badge("Utama"));
  const kind = device.device_type === "mobile" ? "Ponsel" : "Sesi web";
  box.append(name, line("p", "device-note", `${kind} · ${seen(device)} · ${device.last_ip}`));
  return box;
}

/** @param {Device} device */
function seen(device) {
  if (!device.is_active) return `keluar, terakhir ${moment.format(device.last_active_at * 1000)}`;
  const ago = Date.now() / 1000 - device.last_active_at;
  return ago < 60 ? "aktif sekarang" : `aktif ${inWords(ago).split(" ").slice(0, 2).join(" ")} lalu`;
}

/** @param {Device} device */
function endButton(device) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button quiet";
  button.textContent = device.is_active ? "Keluarkan" : "Hapus dari daftar";
  button.setAttribute("aria-label", `${button.textContent}: ${device.device_name}`);
  button.dataset.end = device.id;
  button.dataset.name = device.device_name;
  button.dataset.active = device.is_active ? "1" : "0";
  return button;
}

/** @param {string} text */
function badge(text) {
  const element = document.createElement("span");
  element.className = "badge";
  element.textContent = text;
  return element;
}

