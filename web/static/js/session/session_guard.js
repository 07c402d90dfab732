// @ts-check
/**
 * `<session-guard device-id session-id user ping-seconds heartbeat-seconds>`: leaves the page the
 * moment its session has ended, in every tab of the browser.
 *
 * One tab holds the connection (`session_tabs.js`), the others hear through it what it hears.
 * Attribute `state` and event `session-state` say how the line is; `session-tabs` which tabs are
 * open; `session-clocks` what a ping answered; `session-ended` comes just before leaving. It may say
 * so before a page's own script has come: `session_events.js` hears that too.
 */

import { emit, numberOf } from "../lib/dom.js";
import { ActivityTracker } from "./activity_tracker.js";
import { claimTabId } from "./identity.js";
import { SessionCheck, isAnothers } from "./session_check.js";
import { SessionExit } from "./session_exit.js";
import { SessionLink } from "./session_link.js";
import { SessionNotices } from "./session_notices.js";
import { SessionTabs } from "./session_tabs.js";

/** Without its attributes: the product's own defaults, in seconds. */
const DEFAULT_PING_SECONDS = 600;
const DEFAULT_HEARTBEAT_SECONDS = 20;

export class SessionGuard extends HTMLElement {
  /** @type {AbortController | null} */ #listeners = null;
  /** @type {SessionTabs | null} */ #tabs = null;
  /** @type {SessionLink | null} */ #link = null;
  /** @type {ActivityTracker | null} */ #tracker = null;
  #notices = new SessionNotices({
    say: (message) => this.#tabs?.say(message),
    onStay: () => this.#tracker?.ping() ?? Promise.resolve(false),
    onIdleEnd: () => this.#tracker?.expectEnd(),
  });
  #exit = new SessionExit({
    sid: () => this.#sid,
    say: (message) => this.#tabs?.say(message),
    onLeave: (reason, kick) => {
      this.#link?.close();
      this.#say("ended", { reason, kick });
    },
  });
  #check = new SessionCheck({
    onEnded: (answer) => this.#exit.ended(answer),
    onAlive: (standing) => this.#recognise(standing),
  });
  /** @type {(() => void) | null} */ #releaseTabId = null;
  #tabId = "";
  #since = Date.now();
  #sid = "";
  #line = "connecting";
  #transport = "socket";
  /** @type {Map<string, unknown>} */ #said = new Map();

  /**
   * What it said last of one thing, for those who began to listen after that.
   *
   * @param {string} what an event's name without `session-`
   * @returns {unknown} undefined where nothing was said yet
   */
  said(what) {
    return this.#said.get(what);
  }

  connectedCallback() {
    this.#listeners = new AbortController();
    this.#sid = this.getAttribute("session-id") ?? "";
    const { signal } = this.#listeners;
    addEventListener("pagehide", (event) => this.#hidePage(event), { signal });
    addEventListener("pageshow", (event) => this.#showPage(event), { signal });
    addEventListener("online", () => this.#wake(), { signal });
    addEventListener("offline", () => this.#showLine(), { signal });
    addEventListener("submit", (event) => this.#exit.noteLogout(event), { signal });
    document.addEventListener("visibilitychange", () => this.#visibilityChanged(), { signal });
    document.addEventListener("resume", () => this.#wake(), { signal });
    void this.#stand();
  }

  disconnectedCallback() {
    this.#listeners?.abort();
    this.#listeners = null;
    this.#rest();
  }

  // Standing guard and resting -----------------------------------------------------------------

  async #stand() {
    this.#showLine("connecting");
    const { id, release } = await claimTabId();
    if (!this.#listeners || this.#releaseTabId) {
      release();
      return;
    }
    this.#tabId = id;
    this.#releaseTabId = release;
    this.#tracker = new ActivityTracker({
      pingSeconds: numberOf(this, "ping-seconds", DEFAULT_PING_SECONDS),
      leads: () => this.#tabs?.leads ?? false,
      say: (message) => this.#tabs?.say(message),
      onEnded: (answer) => this.#exit.ended(answer),
      onPinged: (clocks) => {
        this.#notices.thank();
        this.#say("clocks", clocks);
      },
    });
    this.#tabs = new SessionTabs({
      scope: `${this.getAttribute("device-id")}:${this.getAttribute("user")}`,
      me: () => this.#asTab(),
      onTabs: (tabs) => this.#say("tabs", { tabs }),
      onMessage: (message) => this.#hear(message),
      line: () => ({ state: this.#line, transport: this.#transport }),
      onLead: () => this.#connect(),
      onFollow: () => {
        this.#link?.close();
        this.#link = null;
      },
    });
    this.#tabs.start();
    this.#tracker.start();
  }

  #rest() {
    const releaseTabId = this.#releaseTabId;
    this.#releaseTabId = null;
    this.#tracker?.stop();
    this.#tabs?.stop();
    this.#tabs = null;
    releaseTabId?.();
    this.#notices.hide();
    this.#check.stop();
  }

  /** @param {PageTransitionEvent} event */
  #hidePage(event) {
    // A page brought back by the back button shows nothing before its session has been checked.
    if (event.persisted) document.documentElement.classList.add("is-checking");
    this.#rest();
  }

  /** @param {PageTransitionEvent} event */
  async #showPage(event) {
    if (!event.persisted) return;
    this.#exit.reset();
    await this.#check.now();
    if (this.#exit.taken) return;
    document.documentElement.classList.remove("is-checking");
    void this.#stand();
  }

  // The connection -----------------------------------------------------------------------------

  #connect() {
    this.#link = new SessionLink({
      deviceId: this.getAttribute("device-id") ?? "",
      tabId: this.#tabId,
      heartbeatSeconds: numberOf(this, "heartbeat-seconds", DEFAULT_HEARTBEAT_SECONDS),
      onFrame: (frame) => this.#receive(frame),
      onState: (state, transport) => {
        this.#showLine(state, transport);
        this.#tabs?.beat();
      },
      onDoubt: () => this.#check.soon(),
    });
    this.#link.open();
  }

  /** @param {import("./messages.js").Frame} frame of the server */
  #receive(frame) {
    // Timers of a tab in the background are slowed down; what comes from the server is not.
    if (frame.event === "ping") this.#tabs?.beat();
    if (frame.event === "force_logout") void this.#forcedOut(frame);
    if (frame.event === "session_expired") this.#exit.all(frame.reason ?? "idle", "");
    if (frame.event === "hotspot") this.#tabs?.say({ kind: "hotspot" });
    if (frame.event === "role_changed") this.#tabs?.say({ kind: "role" });
    this.#notices.receive(frame);
    this.#say(frame.event, frame);
    // What this page shows may be for a role that its member has no more: the server knows.
    if (frame.event === "role_changed") location.reload();
  }

  /** @param {import("./messages.js").Message} message of another tab */
  #hear(message) {
    this.#tracker?.hear(message);
    this.#notices.hear(message);
    if (message.kind === "beat") this.#showLine(message.state, message.transport);
    this.#exit.hear(message);
    if (message.kind === "renewed" && message.was === this.#sid) this.#sid = message.sid;
    if (message.kind === "hotspot") this.#say("hotspot", {});
    if (message.kind === "role") location.reload();
  }

  // Staying ------------------------------------------------------------------------------------

  /** Looks and comes back at once, after the network or the tab has slept. */
  #wake() {
    this.#showLine();
    this.#link?.trySocketAgain();
    this.#link?.open();
    this.#check.soon();
  }

  #visibilityChanged() {
    this.#tabs?.announce();
    if (document.hidden) return;
    this.#link?.retryNow();
    this.#link?.open();
    this.#check.soon();
  }

  /** @param {import("./messages.js").Frame} frame its reason is the short code where the server sends one, else a text */
  async #forcedOut({ same_browser, code, reason = "", kick_id = "" }) {
    if (same_browser) {
      this.#link?.close();
      if (await this.#check.outlives(this.#sid)) {
        this.#link?.open();
        return;
      }
    }
    this.#exit.all(code ?? reason, kick_id);
  }

  /**
   * The cookie may belong to a newer session of this browser than the page was made for.
   *
   * @param {import("./session_check.js").Standing} standing
   */
  #recognise({ member, session }) {
    if (!member || !session || this.#exit.taken) return;
    if (isAnothers(this, { member, session })) location.reload();
    else if (session.sid !== this.#sid) {
      this.#tabs?.say({ kind: "renewed", was: this.#sid, sid: session.sid });
      this.#sid = session.sid;
      this.#link?.open();
    }
  }

  // What the page sees -------------------------------------------------------------------------

  #asTab() {
    return {
      id: this.#tabId,
      title: document.title,
      since: this.#since,
      visible: !document.hidden,
      leads: this.#tabs?.leads ?? false,
    };
  }

  /**
   * Shows how the line is, or that this device has no network at all.
   *
   * @param {string} [line]
   * @param {string} [transport]
   */
  #showLine(line = this.#line, transport = this.#transport) {
    this.#line = line;
    this.#transport = transport;
    const state = navigator.onLine ? line : "offline";
    this.setAttribute("state", state);
    this.#say("state", { state, transport });
  }

  /**
   * @param {string} what
   * @param {unknown} detail
   */
  #say(what, detail) {
    this.#said.set(what, detail);
    emit(this, `session-${what}`, detail);
  }
}

customElements.define("session-guard", SessionGuard);
