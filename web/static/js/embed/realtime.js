// @ts-check
/**
 * `RealtimeMonitor`: tells a member's page over SSE that its place was taken, and leads it to the
 * logout. A classic script for pages that are not ours to build; our own use `<session-guard>`.
 */
(function () {
  "use strict";

  const STREAM_PATH = "api/realtime/attendance-stream";
  const SESSION_PATH = "api/session";

  const FIRST_DELAY_MS = 3_000;
  const MAX_DELAY_MS = 30_000;
  const GROWTH = 1.5;

  /** Each wait is up to a fifth shorter or longer, so that clients do not return in step. */
  const JITTER = 0.2;

  /** A connection younger than this was no success: the waits keep growing. */
  const STABLE_MS = 5_000;

  /** Missed heartbeats after which a silent stream is a dead pipe. */
  const BEATS_BEFORE_DEAD = 2.5;

  /** After a wake a stream has to have beaten as lately as this. */
  const BEATS_AT_WAKE = 1.25;

  const WAKES = ["online", "pageshow"];
  const DOCUMENT_WAKES = ["visibilitychange", "resume"];

  /** EventSource cannot read a 401; after this many errors in a row a plain request asks. */
  const ERRORS_BEFORE_PROBE = 2;
  const PROBE_DEADLINE_MS = 10_000;
  const ENDED = [401, 419];

  /** Time for the member to read what happened, as the monitoring document has it. */
  const LOGOUT_DELAY_MS = 2_000;

  /** A video that never says it is ready must not switch the monitoring off. */
  const VIDEO_PATIENCE_MS = 15_000;

  /**
   * @typedef {object} MonitorOptions
   * @property {string} [baseUrl] with or without a slash at its end
   * @property {string} [user] one's own username; the session alone decides who is meant
   * @property {(attendance: any) => void} [onNewAttendance]
   * @property {(attendance: any) => void} [onUpdateAttendance]
   * @property {(error: unknown) => void} [onError]
   * @property {() => void} [onConnected]
   * @property {() => void} [onDisconnected]
   * @property {() => void} [onSessionEnded] the session is over and the monitor has stopped
   */

  class RealtimeMonitor {
    /** @type {ReturnType<typeof setTimeout> | undefined} */ #retryTimer;
    /** @type {ReturnType<typeof setTimeout> | undefined} */ #stableTimer;
    /** @type {ReturnType<typeof setTimeout> | undefined} */ #silenceTimer;
    #beatMs = 0;
    #heardAt = 0;
    #wake = () => this.#woken();
    #errors = 0;
    #lastEventId = "";
    #stopped = true;

    /** @param {MonitorOptions} [options] */
    constructor(options = {}) {
      const nothing = () => {};
      this.baseUrl = options.baseUrl ?? window.location.origin;
      this.user = options.user;
      this.onNewAttendance = options.onNewAttendance ?? nothing;
      this.onUpdateAttendance = options.onUpdateAttendance ?? nothing;
      this.onError = options.onError ?? nothing;
      this.onConnected = options.onConnected ?? nothing;
      this.onDisconnected = options.onDisconnected ?? nothing;
      this.onSessionEnded = options.onSessionEnded ?? nothing;
      /** @type {EventSource | null} */
      this.eventSource = null;
      this.lastCheck = Math.floor(Date.now() / 1000);
      this.reconnectDelay = FIRST_DELAY_MS;
      this.maxReconnectDelay = MAX_DELAY_MS;
      this.isConnected = false;
    }

    start() {
      this.#stopped = false;
      for (const event of WAKES) window.addEventListener(event, this.#wake);
      for (const event of DOCUMENT_WAKES) document.addEventListener(event, this.#wake);
      this.connect();
    }

    connect() {
      this.#drop();
      this.#stopped = false;
      const address = this.#address(STREAM_PATH, this.#query());
      const source = new EventSource(address, { withCredentials: this.#isElsewhere });
      this.eventSource = source;
      source.onopen = () => this.#opened();
      source.onmessage = (event) => {
        this.#heard();
        this.#receive(event);
      };
      source.addEventListener("beat", () => this.#heard());
      source.onerror = (error) => this.#failed(error);
      source.addEventListener("connected", (event) => {
        this.#remember(event);
        this.#expectBeats(event.data);
      });
      source.addEventListener("force_logout", (event) => this.#forcedOut(event));
      source.addEventListener("session_expired", () => this.#ended());
      source.addEventListener("close", () => {
        console.log("[SSE] Server requested reconnect");
        this.#disconnected();
        this.reconnect();
      });
    }

    /** Comes back after the present delay; a second call in between changes nothing. */
    reconnect() {
      if (this.#stopped || this.#retryTimer !== undefined) return;
      const delay = jittered(this.reconnectDelay);
      console.log(`[SSE] Reconnecting in ${delay}ms...`);
      this.reconnectDelay = Math.min(this.reconnectDelay * GROWTH, this.maxReconnectDelay);
      this.#retryTimer = setTimeout(() => this.connect(), delay);
    }

    /** @param {{new_attendances?: any[], updated_attendances?: any[]}} changes */
    handleChanges(changes) {
      for (const attendance of changes.new_attendances ?? []) this.onNewAttendance(attendance);
      for (const attendance of changes.updated_attendances ?? []) this.onUpdateAttendance(attendance);
    }

    /**
     * The name as the monitoring document's listing calls it.
     *
     * @param {{new_attendances?: any[], updated_attendances?: any[]}} changes
     */
    handleChange(changes) {
      this.handleChanges(changes);
    }

    /** Ends the connection and every attempt to come back. */
    stop() {
      const wasOpen = this.eventSource !== null;
      this.#stopped = true;
      for (const event of WAKES) window.removeEventListener(event, this.#wake);
      for (const event of DOCUMENT_WAKES) document.removeEventListener(event, this.#wake);
      this.#drop();
      this.isConnected = false;
      if (wasOpen) console.log("[SSE] Connection closed");
    }

    isConnectedToServer() {
      return this.isConnected;
    }

    #opened() {
      console.log("[SSE] Connected to server");
      this.isConnected = true;
      this.#stableTimer = setTimeout(() => this.#stable(), STABLE_MS);
      this.onConnected();
    }

    /** The connection has proved itself: the next wait is a short one again. */
    #stable() {
      this.reconnectDelay = FIRST_DELAY_MS;
      this.#errors = 0;
    }

    /** @param {MessageEvent} event */
    #receive(event) {
      this.#remember(event);
      if (!event.data) return;
      let data;
      try {
        data = JSON.parse(event.data);
      } catch (error) {
        console.error("[SSE] Parse error:", error);
        return;
      }
      this.#stable();
      if (data.timestamp) this.lastCheck = data.timestamp;
      if (data.changes) this.handleChanges(data.changes);
    }

    /** @param {MessageEvent} event */
    #remember(event) {
      if (event.lastEventId) this.#lastEventId = event.lastEventId;
    }

    /** @param {Event} error */
    #failed(error) {
      console.error("[SSE] Connection error:", error);
      this.#disconnected();
      this.#errors += 1;
      this.reconnect();
      this.onError(error);
      if (this.#errors >= ERRORS_BEFORE_PROBE) void this.#probe();
    }

    /**
     * The server says how often it beats; one that does not is believed to live.
     *
     * @param {string} text
     */
    #expectBeats(text) {
      const seconds = Number(/"beat_seconds":\s*([\d.]+)/.exec(text)?.[1] ?? 0);
      this.#beatMs = seconds * 1_000;
      this.#heard();
    }

    #heard() {
      clearTimeout(this.#silenceTimer);
      this.#heardAt = Date.now();
      if (!this.#beatMs) return;
      const patience = this.#beatMs * BEATS_BEFORE_DEAD;
      this.#silenceTimer = setTimeout(() => this.#silent(), patience);
    }

    #silent() {
      console.log("[SSE] Nothing heard");
      this.#disconnected();
      this.reconnect();
      void this.#probe();
    }

    /** The page or the network has slept: a line that only looks alive is replaced at once. */
    #woken() {
      if (this.#stopped || document.hidden) return;
      const isLate = Date.now() - this.#heardAt > this.#beatMs * BEATS_AT_WAKE;
      if (this.eventSource && !(this.isConnected && this.#beatMs && isLate)) return;
      if (this.eventSource) {
        this.#disconnected();
        void this.#probe();
      }
      this.connect();
    }

    /** Asks by a plain request whether the session is over, which a stream cannot say. */
    async #probe() {
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(), PROBE_DEADLINE_MS);
      try {
        const response = await fetch(this.#address(SESSION_PATH), {
          credentials: this.#isElsewhere ? "include" : "same-origin",
          cache: "no-store",
          signal: deadline.signal,
        });
        if (ENDED.includes(response.status) && !this.#stopped) this.#ended();
      } catch {
        // Nobody answered: the attempts to come back go on.
      } finally {
        clearTimeout(timer);
      }
    }

    /** @param {MessageEvent} event */
    #forcedOut(event) {
      this.#remember(event);
      // The same browser logged in again: its new cookie opens the next connection.
      if (!/"same_browser":\s*true/.test(event.data)) this.#ended();
    }

    #ended() {
      this.stop();
      this.onDisconnected();
      this.onSessionEnded();
    }

    #disconnected() {
      this.#drop();
      this.isConnected = false;
      this.onDisconnected();
    }

    #drop() {
      clearTimeout(this.#retryTimer);
      clearTimeout(this.#stableTimer);
      clearTimeout(this.#silenceTimer);
      this.#retryTimer = undefined;
      if (!this.eventSource) return;
      this.eventSource.onerror = null;
      this.eventSource.close();
      this.eventSource = null;
    }

    /** Whether the server is another origin than the page, which it then has to allow. */
    get #isElsewhere() {
      return new URL(this.baseUrl, window.location.href).origin !== window.location.origin;
    }

    #query() {
      const query = [`tab_id=${encodeURIComponent(tabId())}`];
      if (this.user) query.push(`user=${encodeURIComponent(this.user)}`);
      if (this.#lastEventId) query.push(`last_event_id=${encodeURIComponent(this.#lastEventId)}`);
      return query.join("&");
    }

    /**
     * @param {string} path
     * @param {string} [query]
     */
    #address(path, query) {
      const address = `${this.baseUrl.replace(/\/+$/, "")}/${path}`;
      return query ? `${address}?${query}` : address;
    }
  }

  /** @param {number} delay */
  function jittered(delay) {
    return Math.round(delay * (1 - JITTER + 2 * JITTER * Math.random()));
  }

  /** This tab's label, shared with our own pages in the same tab. */
  function tabId() {
    const fresh = `tab_${Date.now()}_${Math.random().toString(36).slice(2, 9).padEnd(7, "0")}`;
    try {
      const id = sessionStorage.getItem("tab_id") ?? fresh;
      sessionStorage.setItem("tab_id", id);
      return id;
    } catch {
      return fresh;
    }
  }

  /** What this page calls its own device: the cookie the login page has set. */
  function ownFingerprint() {
    return /(?:^|;)\s*device_fp=([^;]+)/.exec(document.cookie)?.[1] ?? "";
  }

  // On a member's page -------------------------------------------------------------------------

  /** Starts at once, or when the page's video says that it is ready. */
  function whenPageIsReady() {
    const { body } = document;
    if (!body.classList.contains("protected-page") || document.querySelector("session-guard")) return;
    const frame = /** @type {HTMLIFrameElement | null} */ (document.getElementById("videoFrame"));
    if (frame) body.classList.add("video-render");
    if (!body.classList.contains("video-render")) guardPage();
    else waitForVideo(frame);
  }

  /** @param {HTMLIFrameElement | null} frame */
  function waitForVideo(frame) {
    const begin = () => {
      clearTimeout(patience);
      window.removeEventListener("message", hear);
      document.body.classList.remove("video-render");
      guardPage();
    };
    /** @param {MessageEvent} event */
    const hear = (event) => {
      if (event.data?.type === "VIDEO_READY" && isFrom(event, frame)) begin();
    };
    const patience = setTimeout(begin, VIDEO_PATIENCE_MS);
    window.addEventListener("message", hear);
  }

  /**
   * Whether the video itself sent the message, not another window that can reach this one.
   *
   * @param {MessageEvent} event
   * @param {HTMLIFrameElement | null} frame
   */
  function isFrom(event, frame) {
    if (!frame || event.source !== frame.contentWindow) return false;
    return event.origin === new URL(frame.src || ".", window.location.href).origin;
  }

  function guardPage() {
    const monitor = new RealtimeMonitor({
      user: document.body.dataset.user,
      onNewAttendance: (attendance) => console.log("New attendance:", attendance),
      onUpdateAttendance: (attendance) => {
        console.log("Updated attendance:", attendance);
        if (attendance.fp === ownFingerprint()) console.log("masih sama");
        else leave(LOGOUT_DELAY_MS);
      },
      onConnected: () => console.log("Realtime monitoring aktif"),
      onDisconnected: () => console.log("Koneksi terputus, mencoba reconnect..."),
      onError: (error) => console.error("Realtime error:", error),
      onSessionEnded: () => leave(LOGOUT_DELAY_MS),
    });
    monitor.start();
    window.addEventListener("pagehide", () => monitor.stop());
    window.addEventListener("pageshow", (event) => event.persisted && monitor.start());
  }

  let leaving = false;

  /** @param {number} delay milliseconds */
  function leave(delay) {
    if (leaving) return;
    leaving = true;
    setTimeout(() => (window.location.href = "/logout"), delay);
  }

  Object.assign(window, { RealtimeMonitor });
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", whenPageIsReady);
  } else {
    whenPageIsReady();
  }
})();
