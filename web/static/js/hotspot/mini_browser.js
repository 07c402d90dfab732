// @ts-check
/**
 * The windows in which phones show a captive portal: without a bar, without cookies that last, and
 * gone with a tap. Pure.
 */

/**
 * @param {string} agent `navigator.userAgent`
 * @returns {boolean} whether the page is (very likely) in such a window, not in a real browser
 */
export function isMiniBrowser(agent) {
  // Android's portal app and every other app's inner window
  if (/; wv\)|CaptivePortalLogin/.test(agent)) return true;
  // Apple's sheet is WebKit that names neither Safari nor any other browser
  return /AppleWebKit/.test(agent) && /iPhone|iPad|Macintosh/.test(agent) && !/Safari\//.test(agent);
}

/**
 * @param {string} agent
 * @returns {boolean}
 */
export function isAndroid(agent) {
  return /Android/.test(agent);
}

/**
 * An address that Android opens in the phone's own browser from within an app's window. A fragment
 * stays in it: Android takes the last `#` for its own part.
 *
 * @param {string} address
 * @returns {string}
 */
export function intentFor(address) {
  const { protocol, host, pathname, search, hash } = new URL(address);
  const scheme = protocol.replace(":", "");
  const rest = `${host}${pathname}${search}${hash}`;
  return `intent://${rest}#Intent;scheme=${scheme};action=android.intent.action.VIEW;end`;
}
