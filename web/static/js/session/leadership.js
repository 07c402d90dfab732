// @ts-check
/**
 * Which of a browser's tabs holds the connection for all of them: the holder of one Web Lock. The
 * browser hands the lock to the next tab by itself when its holder goes, however it goes.
 */

export class Leadership {
  #name;
  #onGain;
  #onLoss;
  #locks;
  #wanted = false;
  /** @type {AbortController | null} */ #queue = null;
  /** @type {(() => void) | null} */ #resign = null;

  /**
   * @param {string} name one per browser and session
   * @param {{onGain: () => void, onLoss: () => void, locks: LockManager | null}} options
   *   without Web Locks (plain http has none) every tab leads itself
   */
  constructor(name, { onGain, onLoss, locks }) {
    this.#name = name;
    this.#onGain = onGain;
    this.#onLoss = onLoss;
    this.#locks = locks;
  }

  get leads() {
    return this.#resign !== null;
  }

  /** Stands in line. */
  seek() {
    if (this.#queue || this.leads) return;
    this.#wanted = true;
    const queue = new AbortController();
    this.#queue = queue;
    this.#request({ signal: queue.signal });
  }

  /** Takes over from a leader that has fallen silent (a tab the browser froze). */
  seize() {
    if (this.leads || !this.#locks) return;
    this.#wanted = true;
    this.#queue?.abort();
    this.#queue = null;
    this.#request({ steal: true });
  }

  /** Steps down and leaves the line. */
  resign() {
    this.#wanted = false;
    this.#queue?.abort();
    this.#queue = null;
    const resign = this.#resign;
    this.#resign = null;
    if (!resign) return;
    resign();
    this.#onLoss();
  }

  /** @param {LockOptions} options */
  #request(options) {
    if (!this.#locks) {
      this.#gain(() => {});
      return;
    }
    /** @type {(() => void) | null} */
    let mine = null;
    this.#locks
      .request(this.#name, options, () => {
        return new Promise((/** @type {(value?: undefined) => void} */ release) => {
          mine = () => release();
          this.#gain(mine);
        });
      })
      .catch(() => {
        // Left the line, or another tab seized the lock: in the second case stand in line again.
        if (mine && this.#resign === mine) this.#deposed();
      });
  }

  /** @param {() => void} resign */
  #gain(resign) {
    this.#queue = null;
    // Granted in the very moment of leaving: let it go again.
    if (!this.#wanted) {
      resign();
      return;
    }
    this.#resign = resign;
    this.#onGain();
  }

  #deposed() {
    this.#resign = null;
    this.#onLoss();
    this.seek();
  }
}
