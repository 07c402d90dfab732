// @ts-check
/** What a scanned or pasted text says: the code of a login request, if it is one of this site. Pure. */

const CODE = /^[A-Za-z0-9_-]{32}$/;

/**
 * @param {string} text an address `<this site>/link#<code>`, or the code alone
 * @param {string} origin of this site
 * @returns {{code: string, foreign: boolean}} `code` is "" for anything else; `foreign` tells
 *   that it is another site's address
 */
export function codeIn(text, origin) {
  const bare = text.trim();
  if (CODE.test(bare)) return { code: bare, foreign: false };
  /** @type {URL} */
  let address;
  try {
    address = new URL(bare);
  } catch {
    return { code: "", foreign: false };
  }
  if (address.origin !== origin) return { code: "", foreign: true };
  const code = address.hash.slice(1);
  const fits = address.pathname === "/link" && CODE.test(code);
  return { code: fits ? code : "", foreign: false };
}
