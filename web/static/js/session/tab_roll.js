// @ts-check
/**
 * Which tabs of this browser are open on the same session: a roll-call over the guards' channel.
 * Plain memory; the guard passes it what the channel brings.
 */

/** @typedef {import("./messages.js").Tab} Tab */
/** @typedef {import("./messages.js").Message} Message */

/** How long a tab has to answer a roll-call before it counts as gone. */
const ANSWER_MS = 1_500;

/** A tab that crashed says nothing; the next roll-call misses it. */
const ROLL_CALL_MS = 15_000;

export class TabRoll {
  /** @type {Map<string, Tab>} */ #others = new Map();
  /** @type {Set<string>} */ #silent = new Set();
  #say;
  #me;
  #onChange;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #deadline;

  /**
   * @param {{say: (message: Message) => void, me: () => Tab, onChange: (tabs: Tab[]) => void}}
   *   options
   */
  constructor({ say, me, onChange }) {
    this.#say = say;
    this.#me = me;
    this.#onChange = onChange;
  }

  start() {
    this.call();
    this.announce();
    this.#timer = setInterval(() => this.call(), ROLL_CALL_MS);
  }

  stop() {
    clearInterval(this.#timer);
    clearTimeout(this.#deadline);
    this.#say({ kind: "gone", id: this.#me().id });
    this.#others.clear();
  }

  /** Asks every tab to answer and drops those that do not. */
  call() {
    this.#silent = new Set(this.#others.keys());
    this.#say({ kind: "roll-call" });
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.#dropSilent(), ANSWER_MS);
  }

  /** Tells the others what this tab is now. */
  announce() {
    this.#say({ kind: "here", tab: this.#me() });
    this.#changed();
  }

  /** @param {Message} message */
  hear(message) {
    if (message.kind === "roll-call") this.#say({ kind: "here", tab: this.#me() });
    if (message.kind === "here") this.#add(message.tab);
    if (message.kind === "gone") this.#remove(message.id);
  }

  /** @returns {Tab[]} this tab first, the others by age */
  get tabs() {
    const others = [...this.#others.values()].sort((a, b) => a.since - b.since);
    return [this.#me(), ...others];
  }

  /** @param {Tab} tab */
  #add(tab) {
    this.#silent.delete(tab.id);
    this.#others.set(tab.id, tab);
    this.#changed();
  }

  /** @param {string} id */
  #remove(id) {
    if (this.#others.delete(id)) this.#changed();
  }

  #dropSilent() {
    for (const id of this.#silent) this.#others.delete(id);
    if (this.#silent.size) this.#changed();
    this.#silent.clear();
  }

  #changed() {
    this.#onChange(this.tabs);
  }
}
