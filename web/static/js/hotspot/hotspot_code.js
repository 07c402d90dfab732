// @ts-check
/**
 * A login code as it is typed or pasted, and where the portal's page was, for after a reload.
 * Pure.
 */

/**
 * @param {string} text what is in the field, or a whole message: "Kode masuk Jaga: 123456. Berlaku…"
 * @returns {string} the six digits, "" while there are none; "123 456" counts
 */
export function codeIn(text) {
  // no lookbehind: a phone of some years ago would not run the whole file
  const found = /(?:^|\D)(\d{3})[ -]?(\d{3})(?!\d)/.exec(text);
  return found ? found[1] + found[2] : "";
}

/**
 * Where the page is while a code is waited for. It stands in the address's fragment, which no
 * request carries and no log holds, so that a reload comes back to the same question.
 *
 * @typedef {{phone: string, resendAt: number}} Waiting `resendAt` in unix seconds
 */

/**
 * @param {Waiting} waiting
 * @returns {string} with its `#`
 */
export function fragmentOf({ phone, resendAt }) {
  return `#${new URLSearchParams({ kode: phone, lagi: String(Math.ceil(resendAt)) })}`;
}

/**
 * @param {string} fragment
 * @returns {Waiting | null} null for any other fragment
 */
export function waitingIn(fragment) {
  const words = new URLSearchParams(fragment.replace(/^#/, ""));
  const phone = words.get("kode") ?? "";
  if (!/^[+\d][\d .-]{6,24}$/.test(phone)) return null;
  return { phone, resendAt: Number(words.get("lagi")) || 0 };
}
