// @ts-check
/**
 * Time as members read it: the server's clock seen from here, what is left of a span, and the
 * words for it. Pure; every function takes `now`.
 */

/**
 * How far the server's clock is ahead of this browser's, taking the middle of the request as the
 * instant at which the server looked at its clock.
 *
 * @param {number} serverNow unix seconds from the answer
 * @param {number} sentAtMs `Date.now()` before the request
 * @param {number} receivedAtMs `Date.now()` after the answer
 * @returns {number} seconds to add to this browser's clock
 */
export function serverOffset(serverNow, sentAtMs, receivedAtMs) {
  return serverNow - (sentAtMs + receivedAtMs) / 2 / 1000;
}

/**
 * @param {number} endsAt unix seconds
 * @param {number} now unix seconds
 * @returns {number} seconds left, never below zero
 */
export function remaining(endsAt, now) {
  return Math.max(0, endsAt - now);
}

/**
 * What is left of the span from `startsAt` to `endsAt`.
 *
 * @param {number} startsAt unix seconds
 * @param {number} endsAt unix seconds
 * @param {number} now unix seconds
 * @returns {number} 1 at the start, 0 at the end and after
 */
export function fractionLeft(startsAt, endsAt, now) {
  const span = endsAt - startsAt;
  if (span <= 0) return 0;
  return Math.min(1, remaining(endsAt, now) / span);
}

/**
 * The two largest units of a span, rounded down: "19 jam 59 menit", "4 menit 5 detik", "12 detik".
 *
 * @param {number} seconds
 * @returns {string}
 */
export function inWords(seconds) {
  const left = Math.max(0, Math.floor(seconds));
  const units = [
    { size: 86_400, word: "hari" },
    { size: 3_600, word: "jam" },
    { size: 60, word: "menit" },
    { size: 1, word: "detik" },
  ];
  const first = units.findIndex((unit) => left >= unit.size);
  if (first === -1) return "0 detik";
  const words = [];
  let rest = left;
  for (const { size, word } of units.slice(first, first + 2)) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) words.push(`${count} ${word}`);
  }
  return words.join(" ");
}

/**
 * A span as running figures, rounded up so that it shows 0:00 only when it is over:
 * "19:59:03", "4:09", "0:07".
 *
 * @param {number} seconds
 * @returns {string}
 */
export function asCountdown(seconds) {
  const left = Math.max(0, Math.ceil(seconds));
  const hours = Math.floor(left / 3_600);
  const minutes = Math.floor((left % 3_600) / 60);
  const tail = String(left % 60).padStart(2, "0");
  if (hours === 0) return `${minutes}:${tail}`;
  return `${hours}:${String(minutes).padStart(2, "0")}:${tail}`;
}
