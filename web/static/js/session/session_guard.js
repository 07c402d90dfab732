// @ts-check
/**
 * `<session-guard device-id session-id user ping-seconds heartbeat-seconds>`: leaves the page the
 * moment its session has ended, in every tab of the browser.
 *
 * One tab holds the connection (`leadership.js`), the others hear through a BroadcastChannel what
 * it hears. Attribute `state` and event `session-state` say how the line is; `session-tabs` which
 * tabs are open; `session-clocks` what a ping answered; `session-ended` comes just before leaving.
 */

import { ActivityTracker } from "./activity_tracker.js";
import { ask } from "../lib/ask.js";
import { ExpiryBanner } from "./expiry_banner.js";
import { claimTabId, forget } from "./identity.js";
import { Leadership } from "./leadership.js";
import { LoginAttempt } from "./login_attempt.js";
import { SessionLink } from "./session_link.js";
import { TabRoll } from "./tab_roll.js";

/** Without its attributes: the product's own defaults, in seconds. */
const DEFAULT_PING_SECONDS = 600;
const DEFAULT_HEARTBEAT_SECONDS = 20;

/** The leader tells the other tabs that it lives; unheard this often, it is taken for frozen. */
const LEADER_BEAT_MS = 15_000;
const BEATS_BEFORE_SEIZURE = 3;

/** A page from the back button stays hidden while it is being checked, but not for ever. */
const CHECK_DEADLINE_MS = 5_000;

/** Two checks by HTTP are this far apart; doubts in between share the next. */
const CHECK_EVERY_MS = 2_000;

/**
 * The same browser logged in again: its new cookie arrives after the server's grace, so ask a few
 * times before believing that the session is gone.
 */
const SAME_BROWSER_TRIES = 10;
const SAME_BROWSER_WAIT_MS = 700;

/** A logout form that was sent but led nowhere no longer excuses the tab from leaving. */
const LOGOUT_PATIENCE_MS = 5_000;

/** Codes of answers that say the session has ended, and the reason to show where they name none. */
const ENDED = new Set([401, 419]);
/** @type {Record<string, string>} */
const REASON_OF_TYPE = { SESSION_REPLACED: "replaced", ACCOUNT_BLOCKED: "blocked" };

/** @typedef {{kind: string, [field: string]: any}} Message */

export class SessionGuard extends HTMLElement {
  /** @type {AbortController | null} */ #listeners = null;
  /** @type {BroadcastChannel | null} */ #channel = null;
  /** @type {Leadership | null} */ #leadership = null;
  /** @type {SessionLink | null} */ #link = null;
  /** @type {TabRoll | null} */ #roll = null;
  /** @type {ActivityTracker | null} */ #tracker = null;
  #banner = new ExpiryBanner({ onStay: () => this.#stay() });
  #attempt = new LoginAttempt();
  /** @type {(() => void) | null} */ #releaseTabId = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #beatTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #seizureTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #doubtTimer;
  #tabId = "";
  #since = Date.now();
  #sid = "";
  #line = "connecting";
  #transport = "socket";
  #checkedAt = 0;
  #loggingOutAt = 0;
  #left = false;

  connectedCallback() {
    this.#listeners = new AbortController();
    this.#sid = this.getAttribute("session-id") ?? "";
    const { signal } = this.#listeners;
    addEventListener("pagehide", (event) => this.#hidePage(event), { signal });
    addEventListener("pageshow", (event) => this.#showPage(event), { signal });
    addEventListener("online", () => this.#wake(), { signal });
    addEventListener("offline", () => this.#showLine(), { signal });
    addEventListener("submit", (event) => this.#noteLogout(event), { signal });
    document.addEventListener("visibilitychange", () => this.#visibilityChanged(), { signal });
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
    this.#openChannel();
    this.#roll = new TabRoll({
      say: (message) => this.#say(message),
      me: () => this.#asTab(),
      onChange: (tabs) => this.#emit("session-tabs", { tabs }),
    });
    this.#tracker = new ActivityTracker({
      pingSeconds: this.#seconds("ping-seconds", DEFAULT_PING_SECONDS),
      leads: () => this.#leadership?.leads ?? false,
      say: (message) => this.#say(message),
      onEnded: (answer) => this.#ended(answer),
      onPinged: (clocks) => this.#stayed(clocks),
    });
    this.#leadership = new Leadership(`jaga:leader:${this.#scope}`, {
      onGain: () => this.#lead(),
      onLoss: () => this.#follow(),
      locks: this.#channel ? navigator.locks ?? null : null,
    });
    this.#leadership.seek();
    this.#expectLeader();
    this.#say({ kind: "hello" });
    this.#roll.start();
    this.#tracker.start();
  }

  /** Lets go of everything another tab, or this page from the back button, will want to take. */
  #rest() {
    const releaseTabId = this.#releaseTabId;
    this.#releaseTabId = null;
    this.#tracker?.stop();
    this.#leadership?.resign();
    this.#roll?.stop();
    releaseTabId?.();
    this.#banner.hide();
    this.#attempt.hide();
    clearTimeout(this.#seizureTimer);
    clearTimeout(this.#doubtTimer);
    this.#channel?.close();
    this.#channel = null;
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
    this.#left = false;
    await this.#check();
    if (this.#left) return;
    document.documentElement.classList.remove("is-checking");
    void this.#stand();
  }

  // The connection -----------------------------------------------------------------------------

  #lead() {
    clearTimeout(this.#seizureTimer);
    this.#link = new SessionLink({
      deviceId: this.getAttribute("device-id") ?? "",
      tabId: this.#tabId,
      heartbeatSeconds: this.#seconds("heartbeat-seconds", DEFAULT_HEARTBEAT_SECONDS),
      onFrame: (frame) => this.#receive(frame),
      onState: (state, transport) => this.#lineChanged(state, transport),
      onDoubt: () => this.#doubt(),
    });
    this.#link.open();
    this.#beatTimer = setInterval(() => this.#beat(), LEADER_BEAT_MS);
    this.#roll?.announce();
  }

  #follow() {
    clearInterval(this.#beatTimer);
    this.#link?.close();
    this.#link = null;
    if (this.#releaseTabId) {
      this.#expectLeader();
      this.#roll?.announce();
    }
  }

  /** Waits for the leader's next sign of life; a visible tab takes over when it stays out. */
  #expectLeader() {
    clearTimeout(this.#seizureTimer);
    this.#seizureTimer = setTimeout(() => {
      if (!document.hidden) this.#leadership?.seize();
      else this.#expectLeader();
    }, LEADER_BEAT_MS * BEATS_BEFORE_SEIZURE);
  }

  #beat() {
    this.#say({ kind: "beat", state: this.#line, transport: this.#transport });
  }

  /** @param {import("./session_link.js").Frame} frame */
  #receive(frame) {
    // Timers of a tab in the background are slowed down; what comes from the server is not.
    if (frame.event === "ping") this.#beat();
    if (frame.event === "force_logout") this.#forcedOut(frame);
    if (frame.event === "session_expired") this.#leaveAll(frame.reason ?? "idle", "");
    if (frame.event === "session_expiring") this.#announceEnd(frame);
    if (frame.event === "login_attempt") this.#announceAttempt(frame);
    if (frame.event === "login_attempt_over") this.#closeAttempt(frame.attempt_id);
    if (frame.event === "hotspot") this.#say({ kind: "hotspot" });
    if (frame.event === "role_changed") this.#lookAnew();
    this.#emit(`session-${frame.event}`, frame);
  }

  /** What this page shows may be for a role that its member has no more: the server knows. */
  #lookAnew() {
    this.#say({ kind: "role" });
    location.reload();
  }

  /**
   * @param {string} state
   * @param {string} transport
   */
  #lineChanged(state, transport) {
    this.#showLine(state, transport);
    this.#beat();
  }

  // The other tabs -----------------------------------------------------------------------------

  get #scope() {
    return `${this.getAttribute("device-id")}:${this.getAttribute("user")}`;
  }

  #openChannel() {
    if (typeof BroadcastChannel === "undefined") return;
    this.#channel = new BroadcastChannel(`jaga:session:${this.#scope}`);
    this.#channel.onmessage = ({ data }) => this.#hear(data);
  }

  /** @param {Message} message */
  #say(message) {
    this.#channel?.postMessage(message);
  }

  /** @param {Message} message */
  #hear(message) {
    this.#roll?.hear(/** @type {any} */ (message));
    this.#tracker?.hear(message);
    switch (message.kind) {
      case "hello":
        if (this.#leadership?.leads) this.#beat();
        break;
      case "beat":
        this.#heardBeat(message);
        break;
      case "leave":
        // A tab that has logged in anew since is not meant.
        if (message.sid === this.#sid) this.#leave(message.reason, message.kick);
        break;
      case "renewed":
        if (message.was === this.#sid) this.#sid = message.sid;
        break;
      case "ending":
        this.#showEnd(message.reason, message.endsAtMs);
        break;
      case "attempt":
        this.#attempt.show(message.attempt);
        break;
      case "attempt-over":
        this.#attempt.hide(message.id);
        break;
      case "pinged":
        this.#banner.thank();
        break;
      case "hotspot":
        this.#emit("session-hotspot", {});
        break;
      case "role":
        location.reload();
        break;
    }
  }

  /** @param {Message} message */
  #heardBeat(message) {
    if (this.#leadership?.leads) return;
    this.#expectLeader();
    this.#showLine(message.state, message.transport);
  }

  // Staying ------------------------------------------------------------------------------------

  /** @param {Message | import("./session_link.js").Frame} frame with `in`, seconds left */
  #announceEnd(frame) {
    const endsAtMs = Date.now() + Number(frame.in) * 1000;
    this.#say({ kind: "ending", reason: frame.reason, endsAtMs });
    this.#showEnd(frame.reason, endsAtMs);
  }

  /**
   * @param {string} reason
   * @param {number} endsAtMs
   */
  #showEnd(reason, endsAtMs) {
    this.#banner.show(reason, endsAtMs);
    if (reason === "idle") this.#tracker?.expectEnd();
  }

  #stay() {
    return this.#tracker?.ping() ?? Promise.resolve(false);
  }

  /** @param {any} clocks */
  #stayed(clocks) {
    this.#banner.thank();
    this.#emit("session-clocks", clocks);
  }

  /** Looks and comes back at once, after the network or the tab has slept. */
  #wake() {
    this.#showLine();
    this.#link?.trySocketAgain();
    this.#link?.open();
    this.#doubt();
  }

  #visibilityChanged() {
    this.#roll?.announce();
    if (document.hidden) return;
    this.#link?.retryNow();
    this.#link?.open();
    this.#doubt();
  }

  /** The session may have ended unheard: check soon, once for all doubts. */
  #doubt() {
    clearTimeout(this.#doubtTimer);
    const wait = Math.max(0, this.#checkedAt + CHECK_EVERY_MS - Date.now());
    this.#doubtTimer = setTimeout(() => void this.#check(), wait);
  }

  /** Asks the server by HTTP whether this page's session lives, and leaves when it does not. */
  async #check() {
    this.#checkedAt = Date.now();
    const answer = await askSession();
    if (answer && ENDED.has(answer.status)) this.#ended(answer);
    if (answer?.ok) this.#recognise(answer.body);
  }

  /**
   * The cookie may belong to a newer session of this browser than the page was made for.
   *
   * @param {any} body answer of `/api/session`
   */
  #recognise({ member, session }) {
    if (!member || !session || this.#left) return;
    if (this.#isNot("user", member.username) || this.#isNot("device-id", session.device_id)) {
      location.reload();
      return;
    }
    if (session.sid !== this.#sid) {
      this.#say({ kind: "renewed", was: this.#sid, sid: session.sid });
      this.#sid = session.sid;
      this.#link?.open();
    }
  }

  /**
   * @param {string} attribute
   * @param {string} value
   */
  #isNot(attribute, value) {
    return this.hasAttribute(attribute) && this.getAttribute(attribute) !== value;
  }

  // A login elsewhere --------------------------------------------------------------------------

  /** @param {import("./session_link.js").Frame} frame with `in`, seconds to answer */
  #announceAttempt({ attempt_id, device_name, ip, in: seconds }) {
    const attempt = { attempt_id, device_name, ip, endsAtMs: Date.now() + Number(seconds) * 1000 };
    this.#say({ kind: "attempt", attempt });
    this.#attempt.show(attempt);
  }

  /** @param {string} id */
  #closeAttempt(id) {
    this.#say({ kind: "attempt-over", id });
    this.#attempt.hide(id);
  }

  // Leaving ------------------------------------------------------------------------------------

  /** @param {import("./session_link.js").Frame} frame */
  #forcedOut(frame) {
    if (frame.same_browser) void this.#outliveRenewal(frame);
    else this.#leaveAll(reasonOf(frame), frame.kick_id ?? "");
  }

  /** @param {import("./session_link.js").Frame} frame */
  async #outliveRenewal(frame) {
    this.#link?.close();
    for (let tries = 0; tries < SAME_BROWSER_TRIES; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, SAME_BROWSER_WAIT_MS));
      const answer = await askSession();
      // Within the grace the old session still answers.
      if (answer?.ok && answer.body.session?.sid !== this.#sid) {
        this.#recognise(answer.body);
        return;
      }
    }
    this.#leaveAll(reasonOf(frame), frame.kick_id ?? "");
  }

  /** @param {import("../lib/ask.js").Answer} answer 401 or 419 */
  #ended({ body }) {
    this.#leaveAll(body.reason ?? REASON_OF_TYPE[body.type] ?? "", body.kick_id ?? "");
  }

  /**
   * @param {string} reason
   * @param {string} kick
   */
  #leaveAll(reason, kick) {
    if (this.#left) return;
    this.#say({ kind: "leave", reason, kick, sid: this.#sid });
    this.#leave(reason, kick);
  }

  /**
   * @param {string} reason
   * @param {string} kick
   */
  #leave(reason, kick) {
    if (this.#left) return;
    this.#left = true;
    this.#link?.close();
    forget();
    this.#emit("session-ended", { reason, kick });
    // This tab is on its way out through its own logout form, whose answer must not be cut off.
    if (Date.now() - this.#loggingOutAt < LOGOUT_PATIENCE_MS) return;
    const query = new URLSearchParams();
    if (reason) query.set("reason", reason);
    if (kick) query.set("kick", kick);
    location.replace(query.size ? `/login?${query}` : "/login");
  }

  /** @param {SubmitEvent} event */
  #noteLogout(event) {
    const form = /** @type {HTMLFormElement} */ (event.target);
    if (new URL(form.action).pathname === "/logout") this.#loggingOutAt = Date.now();
  }

  // What the page sees -------------------------------------------------------------------------

  #asTab() {
    return {
      id: this.#tabId,
      title: document.title,
      since: this.#since,
      visible: !document.hidden,
      leads: this.#leadership?.leads ?? false,
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
    this.#emit("session-state", { state, transport });
  }

  /**
   * @param {string} type
   * @param {object} detail
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true }));
  }

  /**
   * @param {string} attribute
   * @param {number} otherwise
   */
  #seconds(attribute, otherwise) {
    const seconds = Number(this.getAttribute(attribute));
    return seconds > 0 ? seconds : otherwise;
  }
}

/** @returns {Promise<import("../lib/ask.js").Answer | null>} null when nobody answered */
function askSession() {
  return ask("/api/session", { deadlineMs: CHECK_DEADLINE_MS }).catch(() => null);
}

/**
 * @param {import("./session_link.js").Frame} frame
 * @returns {string} the short code where the server sends one, else its text
 */
function reasonOf(frame) {
  return frame.code ?? frame.reason ?? "";
}

customElements.define("session-guard", SessionGuard);
