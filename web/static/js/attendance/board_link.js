// @ts-check
/**
 * A page's line to a meeting's board: listens first, then asks for the list, so that nothing falls
 * between the two; comes back by itself, and stops when the session or the meeting is over.
 */

import { reply } from "../lib/ask.js";
import { delayBefore } from "../lib/reconnect.js";

/** Events that end the line for good. */
const LAST_WORDS = ["force_logout", "session_expired"];
const OVER = [401, 403, 404, 419];

/** @typedef {import("./meeting_day.js").Changes} Changes */
/** @typedef {import("./meeting_day.js").Meeting} Meeting */
/** @typedef {{code: string, url: string, image: string, valid_seconds: number}} Code */

/**
 * @typedef {object} BoardOptions
 * @property {string} meeting id
 * @property {() => string} [query] what to add to the question for the list
 * @property {(snapshot: import("./meeting_day.js").Snapshot) => void} onList the whole day
 * @property {(changes: Changes) => void} onChanges what happened since
 * @property {(meeting: Meeting) => void} [onMeeting] it was changed, or deleted
 * @property {(code: Code) => void} [onCode] the code to show now
 * @property {(state: "connecting" | "live" | "reconnecting" | "stopped") => void} onState
 */

export class BoardLink {
  /** @type {BoardOptions} */ #options;
  /** @type {EventSource | null} */ #source = null;
  /** @type {Changes[] | null} */ #early = null;
  #failures = 0;
  #stopped = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #retry;

  /** @param {BoardOptions} options */
  constructor(options) {
    this.#options = options;
    addEventListener("pagehide", () => this.#drop());
    addEventListener("pageshow", (event) => event.persisted && this.open());
    addEventListener("online", () => this.open());
  }

  open() {
    if (this.#stopped) return;
    this.#drop();
    this.#options.onState(this.#failures ? "reconnecting" : "connecting");
    const address = `/api/realtime/board-stream?meeting_id=${encodeURIComponent(this.#options.meeting)}`;
    const source = new EventSource(address);
    this.#source = source;
    this.#on("connected", () => void this.load());
    this.#on("message", (/** @type {{changes: Changes}} */ { changes }) => this.#heard(changes));
    this.#on("code", (/** @type {Code} */ code) => this.#options.onCode?.(code));
    this.#on("roster", () => void this.load());
    this.#on("meeting", (/** @type {Meeting} */ meeting) => this.#changed(meeting));
    for (const event of LAST_WORDS) this.#on(event, () => this.#stop());
    source.onerror = () => this.#lost();
  }

  /** Asks for the whole list; what is heard meanwhile follows it. */
  async load() {
    this.#early = [];
    const { meeting, query } = this.#options;
    const answer = await reply(`/api/admin/meetings/${meeting}/attendance${query?.() ?? ""}`);
    const early = this.#early ?? [];
    this.#early = null;
    if (answer && OVER.includes(answer.status)) this.#stop();
    else if (!answer?.ok) this.#lost();
    else {
      this.#failures = 0;
      this.#options.onList(answer.body);
      for (const changes of early) this.#options.onChanges(changes);
      this.#options.onState("live");
    }
  }

  /**
   * @template T
   * @param {string} event
   * @param {(data: T) => void} handle
   */
  #on(event, handle) {
    this.#source?.addEventListener(event, ({ data }) => {
      try {
        handle(JSON.parse(data));
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
      }
    });
  }

  /** @param {Changes} changes */
  #heard(changes) {
    if (this.#early) this.#early.push(changes);
    else this.#options.onChanges(changes);
  }

  /** @param {Meeting} meeting */
  #changed(meeting) {
    this.#options.onMeeting?.(meeting);
    if (meeting.deleted) this.#stop();
    else void this.load();
  }

  /** EventSource cannot say why: the next list does. */
  #lost() {
    this.#drop();
    if (this.#stopped) return;
    this.#options.onState("reconnecting");
    this.#retry = setTimeout(() => this.open(), delayBefore(this.#failures));
    this.#failures += 1;
    if (this.#failures > 1) void this.#probe();
  }

  async #probe() {
    const answer = await reply(`/api/admin/meetings/${this.#options.meeting}`);
    if (answer && OVER.includes(answer.status)) this.#stop();
  }

  #stop() {
    this.#stopped = true;
    this.#drop();
    this.#options.onState("stopped");
  }

  #drop() {
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = null;
  }
}
