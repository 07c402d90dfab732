// @ts-check
/** What a page's `<session-guard>` says, for the page's own scripts. */

/**
 * What it says, by the event's name.
 *
 * @typedef {object} Said
 * @property {{state: string, transport: string}} state
 * @property {{tabs: import("./tab_roll.js").Tab[]}} tabs
 * @property {{status: string}} qr_login
 * @property {object} clocks
 * @property {object} hotspot
 */

/**
 * Hears what the guard says of one thing: what it says from now on, and first what it said last. Of
 * a page's scripts each runs when it has come, and the line may be open before the last of them.
 *
 * @template {keyof Said} What
 * @param {What} what an event's name without `session-`
 * @param {(detail: Said[What]) => void} hear
 * @param {AbortSignal} [signal] of its end
 */
export function onSession(what, hear, signal) {
  document.addEventListener(
    `session-${what}`,
    (event) => hear(/** @type {CustomEvent} */ (event).detail),
    { signal },
  );
  const guard = /** @type {import("./session_guard.js").SessionGuard | null} */ (
    document.querySelector("session-guard")
  );
  // a guard whose script has not come yet is a plain element, and has said nothing
  const said = guard?.said?.(what);
  if (said !== undefined) hear(/** @type {Said[What]} */ (said));
}
