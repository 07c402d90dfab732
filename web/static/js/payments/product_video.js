// @ts-check
/** Stands for a video: says VIDEO_READY to the page it is in, then plays. */

const TICK_MS = 1_000;

const film = /** @type {HTMLElement} */ (document.getElementById("film"));
const began = performance.now();

setInterval(() => {
  const seconds = Math.floor((performance.now() - began) / 1_000);
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  film.textContent = `${two(Math.floor(seconds / 60))}:${two(seconds % 60)}`;
}, TICK_MS);
parent.postMessage({ type: "VIDEO_READY" }, location.origin);
