// @ts-check
/**
 * The tabs of one browser on one session: a channel between them, who of them leads, and which are
 * open. The leader tells the others that it lives; when it stays silent, a visible tab takes over.
 */

import { Leadership } from "./leadership.js";
import { TabRoll } from "./tab_roll.js";

/** The leader says that it lives; unheard this often, it is taken for frozen. */
const LEADER_BEAT_MS = 15_000;
const BEATS_BEFORE_SEIZURE = 3;

/** @typedef {import("./messages.js").Message} Message */
/** @typedef {import("./messages.js").Tab} Tab */

/**
 * @typedef {object} TabsOptions
 * @property {string} scope one per browser and member
 * @property {() => Tab} me this tab
 * @property {(tabs: Tab[]) => void} onTabs which are open, this one first
 * @property {(message: Message) => void} onMessage of another tab
 * @property {() => {state: string, transport: string}} line how the leader's line is
 * @property {() => void} onLead this tab holds the connection now
 * @property {() => void} onFollow another does
 */

export class SessionTabs {
  /** @type {TabsOptions} */ #options;
  /** @type {BroadcastChannel | null} */ #channel = null;
  #leadership;
  #roll;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #beatTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #seizureTimer;
  #open = true;

  /** @param {TabsOptions} options */
  constructor(options) {
    this.#options = options;
    if (typeof BroadcastChannel !== "undefined") {
      this.#channel = new BroadcastChannel(`jaga:session:${options.scope}`);
      this.#channel.onmessage = ({ data }) => this.#hear(data);
    }
    this.#roll = new TabRoll({
      say: (message) => this.say(message),
      me: options.me,
      onChange: options.onTabs,
    });
    this.#leadership = new Leadership(`jaga:leader:${options.scope}`, {
      onGain: () => this.#lead(),
      onLoss: () => this.#follow(),
      locks: this.#channel ? (navigator.locks ?? null) : null,
    });
  }

  /** Whether this tab holds the connection for all. */
  get leads() {
    return this.#leadership?.leads ?? false;
  }

  start() {
    this.#leadership.seek();
    this.#expectLeader();
    this.say({ kind: "hello" });
    this.#roll.start();
  }

  /** Lets go of everything another tab, or this page from the back button, will want to take. */
  stop() {
    this.#open = false;
    this.#leadership.resign();
    this.#roll.stop();
    clearTimeout(this.#seizureTimer);
    this.#channel?.close();
    this.#channel = null;
  }

  /** @param {Message} message to the other tabs */
  say(message) {
    this.#channel?.postMessage(message);
  }

  /** Tells the others how the line is, and so that their leader lives. */
  beat() {
    this.say({ kind: "beat", ...this.#options.line() });
  }

  /** Tells the others what this tab is now. */
  announce() {
    this.#roll.announce();
  }

  /** @param {Message} message */
  #hear(message) {
    this.#roll.hear(message);
    if (message.kind === "hello" && this.leads) this.beat();
    if (message.kind === "beat") {
      if (this.leads) return;
      this.#expectLeader();
    }
    this.#options.onMessage(message);
  }

  #lead() {
    clearTimeout(this.#seizureTimer);
    this.#options.onLead();
    this.#beatTimer = setInterval(() => this.beat(), LEADER_BEAT_MS);
    this.announce();
  }

  #follow() {
    clearInterval(this.#beatTimer);
    this.#options.onFollow();
    if (!this.#open) return;
    this.#expectLeader();
    this.announce();
  }

  /** Waits for the leader's next sign of life; a visible tab takes over when it stays out. */
  #expectLeader() {
    clearTimeout(this.#seizureTimer);
    this.#seizureTimer = setTimeout(() => {
      if (!document.hidden) this.#leadership.seize();
      else this.#expectLeader();
    }, LEADER_BEAT_MS * BEATS_BEFORE_SEIZURE);
  }
}
