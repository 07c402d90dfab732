// @ts-check
/**
 * One browser's open line to the server: a WebSocket, or SSE where sockets do not get through.
 * It knows the wire (addresses, ping, ack, close codes, waits) and never gives up; what a frame
 * means for the page is the guard's business.
 */

import { comesBack, delayBefore } from "../lib/reconnect.js";
import { asFrame } from "./messages.js";

/** A socket that fails this often before opening is taken to be blocked on the way. */
const REFUSALS_BEFORE_STREAM = 2;

/** A connection younger than this was no success: the waits keep growing. */
const STABLE_MS = 5_000;

/** A connection that has not opened by now is going nowhere; browsers wait for minutes. */
const OPEN_DEADLINE_MS = 15_000;

/** Missed heartbeats after which a silent line is a dead pipe. */
const BEATS_BEFORE_DEAD = 2.5;

/** Lines that went silent before their first beat: after so many, something swallows what they say. */
const MUTES_BEFORE_STREAM = 2;

/** After a wake a socket answers within this, or it is dead. */
const ANSWER_MS = 3_000;

/** A stream cannot be asked: after a wake it has to have beaten as lately as this. */
const BEATS_AT_WAKE = 1.25;

/** Events of the SSE stream that carry the same JSON as the socket's frames. */
const STREAM_EVENTS = [
  "connected",
  "force_logout",
  "session_expiring",
  "session_expired",
  "login_attempt",
  "login_attempt_over",
  "qr_login",
  "hotspot",
  "role_changed",
  "beat",
];

/** @typedef {"connecting" | "live" | "reconnecting" | "stopped"} LinkState */
/** @typedef {import("./messages.js").Frame} Frame */

/**
 * @typedef {object} LinkOptions
 * @property {string} deviceId
 * @property {string} tabId
 * @property {number} heartbeatSeconds how often the server pings
 * @property {(frame: Frame) => void} onFrame every frame of the server's
 * @property {(state: LinkState, transport: "socket" | "stream") => void} onState
 * @property {() => void} onDoubt the server may not know us any more: ask it by HTTP
 */

export class SessionLink {
  /** @type {LinkOptions} */ #options;
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {EventSource | null} */ #stream = null;
  #closed = true;
  #viaStream = false;
  #refusals = 0;
  #mutes = 0;
  #heardAt = 0;
  #failures = 0;
  #lastEventId = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #retryTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #stableTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #silenceTimer;

  /** @param {LinkOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /** Connects and stays connected until `close` or until the server says not to come back. */
  open() {
    if (!this.#closed) return;
    this.#closed = false;
    this.#connect();
  }

  /** Ends the connection for good. */
  close() {
    this.#closed = true;
    this.#drop();
  }

  /** Comes back at once instead of after the wait; a line that is there has to prove that it lives. */
  retryNow() {
    if (this.#closed) return;
    if (this.#socket) this.#ask();
    else if (!this.#stream) this.#connect();
    else if (Date.now() - this.#heardAt > this.#beatMs * BEATS_AT_WAKE) {
      this.#options.onDoubt();
      this.#connect();
    }
  }

  /** The network changed: what blocked the socket may be gone. */
  trySocketAgain() {
    if (!this.#stream) {
      this.#viaStream = false;
      this.#refusals = this.#mutes = 0;
    }
    this.retryNow();
  }

  #ask() {
    if (this.#socket?.readyState !== 1) return;
    this.#send({ event: "ping" });
    this.#expectBeat(ANSWER_MS);
  }

  #connect() {
    this.#drop();
    this.#options.onState(this.#failures ? "reconnecting" : "connecting", this.#transport);
    if (typeof WebSocket === "undefined") this.#viaStream = true;
    if (this.#viaStream) this.#openStream();
    else this.#openSocket();
  }

  #openSocket() {
    const { deviceId, tabId } = this.#options;
    const address = new URL(`/api/devices/ws/${encodeURIComponent(deviceId)}`, location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    address.searchParams.set("tab_id", tabId);
    const socket = new WebSocket(address);
    let opened = false;
    const ended = (code = 0, reason = "") => {
      if (!opened) this.#countRefusal();
      this.#lost(opened, code, reason);
    };
    socket.onmessage = (message) => {
      // what stands in between may open a socket and let nothing through
      if (!opened) this.#refusals = 0;
      opened = true;
      this.#expectBeat();
      this.#receive(message.data);
    };
    socket.onclose = ({ code, reason }) => ended(code, reason);
    this.#socket = socket;
    this.#silenceTimer = setTimeout(ended, OPEN_DEADLINE_MS);
  }

  /** Two sockets that never opened, or said nothing: try the stream, which passes where sockets do not. */
  #countRefusal() {
    this.#refusals += 1;
    if (this.#refusals >= REFUSALS_BEFORE_STREAM && typeof EventSource !== "undefined") {
      this.#viaStream = true;
    }
  }

  #openStream() {
    const address = new URL("/api/realtime/attendance-stream", location.href);
    address.searchParams.set("tab_id", this.#options.tabId);
    if (this.#lastEventId) address.searchParams.set("last_event_id", this.#lastEventId);
    const stream = new EventSource(address);
    let opened = false;
    const ended = () => {
      // A stream that never opened says as little as a socket: the next try is a socket again.
      if (!opened) {
        this.#viaStream = false;
        this.#refusals = 0;
      }
      // EventSource cannot read a 401; only a plain request can.
      this.#lost(false);
    };
    for (const event of STREAM_EVENTS) {
      stream.addEventListener(event, (message) => {
        opened = true;
        this.#expectBeat();
        this.#lastEventId = message.lastEventId || this.#lastEventId;
        this.#receive(message.data, event);
      });
    }
    stream.addEventListener("close", () => this.#lost(true));
    stream.onerror = ended;
    this.#silenceTimer = setTimeout(ended, OPEN_DEADLINE_MS);
    this.#stream = stream;
  }

  /**
   * @param {string} text
   * @param {string} [event] name of the SSE event, which is not in its JSON
   */
  #receive(text, event) {
    const frame = asFrame(text, event);
    if (!frame) return;
    if (frame.event === "ping" || frame.event === "beat") this.#mutes = 0;
    if (frame.event === "ping") this.#send({ event: "pong" });
    if (frame.event === "connected") this.#live();
    if (frame.event === "force_logout") this.#send({ event: "ack", kick_id: frame.kick_id });
    this.#options.onFrame(frame);
  }

  /** @param {Frame} frame */
  #send(frame) {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(frame));
  }

  #live() {
    clearTimeout(this.#stableTimer);
    this.#stableTimer = setTimeout(() => (this.#failures = 0), STABLE_MS);
    this.#options.onState("live", this.#transport);
  }

  /** @param {number} [patience] milliseconds until a line that says nothing more is dead */
  #expectBeat(patience = this.#beatMs * BEATS_BEFORE_DEAD) {
    clearTimeout(this.#silenceTimer);
    this.#heardAt = Date.now();
    this.#silenceTimer = setTimeout(() => this.#silent(), patience);
  }

  #silent() {
    this.#mutes += 1;
    if (this.#mutes >= MUTES_BEFORE_STREAM && typeof EventSource !== "undefined") {
      this.#viaStream = !this.#viaStream;
      this.#mutes = 0;
    }
    this.#lost(false);
  }

  get #beatMs() {
    return this.#options.heartbeatSeconds * 1000;
  }

  /**
   * @param {boolean} certain whether the end tells all there is to know
   * @param {number} [code] close code, 0 where there is none
   * @param {string} [reason] of the close; the server may name a wait in it
   */
  #lost(certain, code = 0, reason = "") {
    this.#drop();
    if (this.#closed) return;
    if (!comesBack(code)) {
      this.#closed = true;
      this.#options.onState("stopped", this.#transport);
      this.#options.onDoubt();
      return;
    }
    if (!certain) this.#options.onDoubt();
    const wait = delayBefore(this.#failures, { code, reason });
    this.#retryTimer = setTimeout(() => this.#connect(), wait);
    this.#failures += 1;
    this.#options.onState("reconnecting", this.#transport);
  }

  /** Lets go of the connection without hearing from it again: a dead pipe closes late. */
  #drop() {
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#stableTimer);
    clearTimeout(this.#silenceTimer);
    if (this.#socket) {
      this.#socket.onmessage = this.#socket.onclose = null;
      this.#socket.close();
      this.#socket = null;
    }
    if (this.#stream) {
      this.#stream.onerror = null;
      this.#stream.close();
      this.#stream = null;
    }
  }

  get #transport() {
    return /** @type {"socket" | "stream"} */ (this.#viaStream ? "stream" : "socket");
  }
}
