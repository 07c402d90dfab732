// @ts-check
/**
 * The browser's fingerprint as the monitoring document computes it, kept in the cookie
 * `device_fp`. It is a label and a hint of risk, never a proof of identity: two phones of one
 * model may share it and anybody can copy it.
 */

const COOKIE_NAME = "device_fp";

/** One year, as the document says. */
const COOKIE_SECONDS = 365 * 24 * 60 * 60;

const SEPARATOR = "|||";

/**
 * The fingerprint in the cookie, or a new one that is stored there.
 *
 * @returns {string} base 36
 */
export function getFingerprint() {
  const kept = readFingerprint(document.cookie);
  if (kept) return kept;
  const fingerprint = generateFingerprint();
  saveFingerprintToCookie(fingerprint);
  return fingerprint;
}

/**
 * The value of `device_fp` in a cookie header; `xdevice_fp` is another cookie.
 *
 * @param {string} cookies as in `document.cookie`
 * @returns {string | null}
 */
export function readFingerprint(cookies) {
  const match = /(?:^|;)\s*device_fp=([^;]+)/.exec(cookies);
  return match ? match[1] : null;
}

/** @returns {string} hash of what this browser shows of itself, base 36 */
export function generateFingerprint() {
  const components = [
    navigator.userAgent,
    navigator.language,
    screen.colorDepth,
    `${screen.width}x${screen.height}`,
    new Date().getTimezoneOffset(),
    has(() => window.sessionStorage),
    has(() => window.localStorage),
    drawnText(),
  ];
  return hashString(components.join(SEPARATOR));
}

/**
 * 31·h + character on a signed 32-bit integer, its magnitude in base 36.
 *
 * @param {string} text
 * @returns {string}
 */
export function hashString(text) {
  let hash = 0;
  for (let index = 0; index < text.length; index += 1) {
    hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0;
  }
  return Math.abs(hash).toString(36);
}

/** @param {string} fingerprint */
export function saveFingerprintToCookie(fingerprint) {
  document.cookie = fingerprintCookie(fingerprint, location.protocol === "https:");
}

/**
 * @param {string} fingerprint
 * @param {boolean} secure whether the page came over https
 * @returns {string} text to assign to `document.cookie`
 */
export function fingerprintCookie(fingerprint, secure) {
  const attributes = `max-age=${COOKIE_SECONDS}; path=/; SameSite=Strict`;
  return `${COOKIE_NAME}=${fingerprint}; ${attributes}${secure ? "; Secure" : ""}`;
}

/**
 * @param {() => Storage} storage reading it throws where the browser forbids storage
 */
function has(storage) {
  try {
    return !!storage();
  } catch {
    return false;
  }
}

/** @returns {string} how this browser draws a word, as a data URL; empty where it cannot draw */
function drawnText() {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  if (!context) return "";
  context.textBaseline = "top";
  context.font = "14px Arial";
  context.fillText("fingerprint", 2, 2);
  return canvas.toDataURL();
}
