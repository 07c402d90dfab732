// @ts-check
/**
 * Waits for a router that takes its time: looks at our server often, which costs next to nothing,
 * and has the router itself asked again only after long, which costs it a print.
 */

const LOOK_MS = 3_000;
const FIRST_ASK_MS = 15_000;
const LONGEST_ASK_MS = 60_000;

/** @typedef {import("./hotspot_outcomes.js").Device} Device */
/** @typedef {import("./hotspot_outcomes.js").Hotspot} Hotspot */

/**
 * @typedef {object} WaitOptions
 * @property {() => Promise<Hotspot | null | undefined>} look undefined where nobody answered, null to
 *   wait no more
 * @property {(hotspot: Hotspot) => unknown} onTaken the device is through
 * @property {() => unknown} onPatienceOver the router is to be asked again
 */

export class RouterWait {
  /** @type {WaitOptions} */ #options;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  #askAtMs = 0;
  #askWaitMs = FIRST_ASK_MS;

  /** @param {WaitOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /** @param {(devices: Device[]) => boolean} isTaken whether the device is among them */
  begin(isTaken) {
    this.stop();
    this.#askAtMs = Date.now() + this.#askWaitMs;
    this.#timer = setTimeout(() => void this.#look(isTaken), LOOK_MS);
  }

  stop() {
    clearTimeout(this.#timer);
  }

  /** @param {(devices: Device[]) => boolean} isTaken */
  async #look(isTaken) {
    const mine = await this.#options.look();
    if (mine === null) return;
    // another router that is away is no reason to wait at this one
    const settled = mine !== undefined && !mine.waiting && (!mine.pending || mine.agreed_on.length > 0);
    if (settled && isTaken(mine.devices)) await this.#options.onTaken(mine);
    else if (settled || Date.now() >= this.#askAtMs) {
      this.#askWaitMs = Math.min(this.#askWaitMs * 1.5, LONGEST_ASK_MS);
      await this.#options.onPatienceOver();
    } else this.#timer = setTimeout(() => void this.#look(isTaken), LOOK_MS);
  }
}

/**
 * Whether a pass has taken a device in: it is on the list, or was put there since. To ask the router
 * again would be too early: it has dropped the device's row to judge it anew.
 *
 * @param {Device[]} devices
 * @param {Device[]} before when the wait began
 * @param {string | undefined} own the device's MAC, where it is known
 */
export function hasTakenIn(devices, before, own) {
  const last = Math.max(0, ...before.map(({ seen_at }) => seen_at));
  return devices.some(({ mac, seen_at }) => mac === own || seen_at > last);
}
