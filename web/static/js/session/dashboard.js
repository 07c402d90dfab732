// @ts-check
/**
 * The member's place: this device, the three clocks, the tabs of this browser, the state of the
 * line. Shows what `GET /api/session` and the page's `<session-guard>` say.
 */

import { reply } from "../lib/ask.js";
import { asCountdown, fractionLeft, inWords, remaining, serverOffset } from "../lib/clock.js";
import { line, write } from "../lib/dom.js";
import { whyNot } from "../lib/words.js";
import { onSession } from "./session_events.js";

const SESSION_ADDRESS = "/api/session";
const OTHER_LOGIN_ADDRESS = "/api/dev/other-login";

/** Figures that count seconds have to be right to the second, not more. */
const TICK_MS = 1_000;

/** The clocks move when other requests count as activity; look again this often. */
const REFRESH_MS = 60_000;

/** Longer than this, nobody watches the seconds (a login by QR lasts thirty days). */
const LONG_SECONDS = 48 * 3_600;

/** After a failed look, while the server is away. */
const RETRY_MS = 5_000;

/** @type {Record<string, string>} */
const METHODS = { password: "Password", qr: "Kode QR", mobile: "Aplikasi ponsel" };

/** @type {Record<string, string>} */
const STATES = {
  connecting: "Menyambung…",
  live: "Terhubung langsung",
  reconnecting: "Menyambung kembali…",
  offline: "Tanpa internet",
  stopped: "Terputus",
};

/**
 * @typedef {object} Session
 * @property {string} device_name
 * @property {string} method
 * @property {number} opened_at
 * @property {number} last_seen
 * @property {number | null} idle_expires_at
 * @property {number | null} absolute_expires_at
 * @property {number | null} remember_expires_at
 */

/** @type {Session | null} */
let session = null;
let offset = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let nextLook;

const moment = new Intl.DateTimeFormat("id-ID", { dateStyle: "medium", timeStyle: "short" });

begin();

function begin() {
  onSession("state", showState);
  onSession("tabs", ({ tabs }) => showTabs(tabs));
  onSession("clocks", () => void look());
  document.getElementById("other-login")?.addEventListener("click", simulateOtherLogin);
  addEventListener("pageshow", (event) => event.persisted && void look());
  setInterval(showClocks, TICK_MS);
  void look();
}

// The session ----------------------------------------------------------------------------------

async function look() {
  clearTimeout(nextLook);
  const sentAt = Date.now();
  const answer = await reply(SESSION_ADDRESS);
  const good = answer?.ok && answer.body.session;
  if (good) {
    session = answer.body.session;
    offset = serverOffset(answer.body.session.server_now, sentAt, Date.now());
    showDevice();
    showClocks();
  }
  nextLook = setTimeout(() => void look(), good ? REFRESH_MS : RETRY_MS);
}

function showDevice() {
  if (!session) return;
  const [browser, ...system] = session.device_name.split(" - ");
  write("device-browser", browser || "Browser");
  write("device-system", system.join(" - ") || "Tidak diketahui");
  write("device-method", METHODS[session.method] ?? session.method);
  write("device-since", moment.format(session.opened_at * 1000));
  write("device-seen", moment.format(session.last_seen * 1000));
}

function showClocks() {
  if (!session) return;
  const now = Date.now() / 1000 + offset;
  const { opened_at, last_seen, idle_expires_at, absolute_expires_at, remember_expires_at } = session;
  showClock("absolute", opened_at, absolute_expires_at, now);
  showClock("idle", last_seen, idle_expires_at, now);
  showClock("remember", opened_at, remember_expires_at, now);
  const ends = [idle_expires_at, absolute_expires_at].filter((end) => end !== null);
  write("watch-left", ends.length ? untilThen(remaining(Math.min(...ends), now)) : "∞");
}

/** @param {number} seconds counted down, unless it is days: thirty are not 29 a moment later */
function untilThen(seconds) {
  return seconds > LONG_SECONDS ? `${Math.ceil(seconds / 86_400)} hari` : asCountdown(seconds);
}

/**
 * @param {string} name
 * @param {number} startsAt
 * @param {number | null} endsAt null for a clock this session does not have
 * @param {number} now
 */
function showClock(name, startsAt, endsAt, now) {
  const row = document.getElementById(`clock-${name}`);
  const ring = document.getElementById(`ring-${name}`);
  const left = endsAt === null ? 0 : fractionLeft(startsAt, endsAt, now);
  const over = endsAt !== null && endsAt <= now;
  row?.classList.toggle("is-off", endsAt === null || over);
  ring?.setAttribute("stroke-dasharray", `${(left * 100).toFixed(3)} 100`);
  ring?.classList.toggle("is-empty", left === 0);
  write(`left-${name}`, endsAt === null ? "tidak dipakai" : over ? "habis" : inWords(endsAt - now));
  write(`until-${name}`, endsAt === null || over ? "" : `sampai ${moment.format(endsAt * 1000)}`);
}

// The line and the tabs ------------------------------------------------------------------------

/** @param {{state: string, transport: string}} line */
function showState({ state, transport }) {
  const pill = document.getElementById("line-state");
  if (!pill) return;
  pill.dataset.state = state;
  write("line-text", STATES[state] ?? state);
  write("line-transport", state === "live" ? (transport === "stream" ? "SSE" : "WebSocket") : "");
}

/** @param {import("./tab_roll.js").Tab[]} tabs this tab first */
function showTabs(tabs) {
  const list = document.getElementById("tabs");
  if (!list) return;
  list.replaceChildren(...tabs.map((tab, index) => tabPicture(tab, index === 0)));
  write("tabs-count", tabs.length === 1 ? "1 tab" : `${tabs.length} tab`);
}

/**
 * @param {import("./tab_roll.js").Tab} tab
 * @param {boolean} isThis
 */
function tabPicture(tab, isThis) {
  const item = document.createElement("li");
  item.className = "tab";
  item.classList.toggle("is-this", isThis);
  item.classList.toggle("is-visible", tab.visible);
  const title = line("span", "tab-title", isThis ? "Tab ini" : tab.title.split(" · ")[0]);
  const notes = [tab.visible ? "terlihat" : "di belakang"];
  if (tab.leads) notes.push("memegang koneksi");
  item.append(title, line("span", "tab-note", notes.join(" · ")));
  return item;
}

// Development ----------------------------------------------------------------------------------

/** @param {Event} event */
async function simulateOtherLogin(event) {
  const button = /** @type {HTMLButtonElement} */ (event.currentTarget);
  button.disabled = true;
  write("other-login-note", "Perangkat lain sedang masuk…");
  const answer = await reply(OTHER_LOGIN_ADDRESS, { method: "POST" });
  if (answer?.ok) return;
  write("other-login-note", whyNot(answer));
  button.disabled = false;
}
