// @ts-check
/**
 * Credentials that came in the login page's address (`/login#username=…&password=…`): what of
 * them may be used, and the address without them. Pure.
 */

const NAMES = ["username", "password"];

/** @typedef {"off" | "fragment" | "on"} Mode what LOGIN_URL_CREDENTIALS allows */

/**
 * @param {URL} address of the page
 * @param {Mode} mode
 * @returns {{credentials: {username: string, password: string} | null, clean: string}} `clean` is
 *   the path to show instead, without credentials whatever the mode
 */
export function takeCredentials(address, mode) {
  const fragment = new URLSearchParams(address.hash.slice(1));
  const query = new URLSearchParams(address.search);
  const credentials =
    (mode !== "off" ? pair(fragment) : null) ?? (mode === "on" ? pair(query) : null);
  const search = without(query, address.search, "?");
  const hash = without(fragment, address.hash, "#");
  return { credentials, clean: address.pathname + search + hash };
}

/** @param {URLSearchParams} values */
function pair(values) {
  const [username, password] = NAMES.map((name) => values.get(name) ?? "");
  return username && password ? { username, password } : null;
}

/**
 * @param {URLSearchParams} values
 * @param {string} text what they were read from
 * @param {string} mark
 */
function without(values, text, mark) {
  if (!NAMES.some((name) => values.has(name))) return text;
  for (const name of NAMES) values.delete(name);
  return values.size ? mark + values : "";
}
