// @ts-check
/**
 * When a dropped connection comes back: what a close code says, and how long to wait before the
 * next try. Pure; the caller owns the timers.
 */

/** Shortest wait, so that a server which accepts and drops is not hammered. */
export const MIN_DELAY_MS = 500;

/** Longest wait: a member who sits in front of a returned server waits half a minute at most. */
export const MAX_DELAY_MS = 30_000;

/** Upper end of the first wait; it doubles with every further failure. */
const FIRST_CEILING_MS = 1_000;

/** "Too many": the one code that asks for a long wait straight away. */
const TOO_MANY = 4029;

/** How the server names a wait in a close's reason, a different one for each client. */
const NAMED_WAIT = /^retry=(\d{1,6})$/;

/** Codes by which the server says "do not come back"; below them 4000-4399 say "come back". */
const STOP_CODES = { from: 4400, to: 4999 };

/**
 * Whether a client closed with `code` tries again. Only the range decides, so that a code invented
 * later needs no change here.
 *
 * @param {number} code WebSocket close code
 * @returns {boolean}
 */
export function comesBack(code) {
  return code < STOP_CODES.from || code > STOP_CODES.to;
}

/**
 * Full jitter: a moment between the shortest wait and a ceiling that doubles per failure, so that
 * thousands of browsers dropped at one instant do not return at one instant.
 *
 * @param {number} failures failures in a row so far, 0 for the first wait
 * @param {{code?: number, reason?: string, random?: () => number}} [options] how the last
 *   connection was closed
 * @returns {number} milliseconds
 */
export function delayBefore(failures, { code = 0, reason = "", random = Math.random } = {}) {
  const named = NAMED_WAIT.exec(reason);
  if (named) return Math.max(MIN_DELAY_MS, Number(named[1]));
  if (code === TOO_MANY) return between(MAX_DELAY_MS / 3, MAX_DELAY_MS, random());
  const ceiling = Math.min(MAX_DELAY_MS, FIRST_CEILING_MS * 2 ** failures);
  return between(MIN_DELAY_MS, ceiling, random());
}

/**
 * @param {number} low
 * @param {number} high
 * @param {number} fraction 0 to 1
 */
function between(low, high, fraction) {
  return Math.round(low + (high - low) * fraction);
}
