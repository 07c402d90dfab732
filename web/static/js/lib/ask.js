// @ts-check
/**
 * One question to our own server, with a deadline: a fetch that always ends, as JSON, as an
 * answer or as `Unreachable`.
 */

/** A page that waits longer than this for a short answer has lost its network. */
const DEADLINE_MS = 10_000;

/** The server could not be reached, or did not answer in time. */
export class Unreachable extends Error {}

/**
 * @typedef {object} Answer
 * @property {number} status HTTP status
 * @property {boolean} ok whether it is 2xx
 * @property {any} body the JSON of the answer, `{}` where there was none
 * @property {number | null} retryAfter seconds, when the server named them
 */

/**
 * @param {string} path address on this site
 * @param {{method?: string, json?: unknown, form?: Record<string, string>, file?: Blob,
 *   deadlineMs?: number, keepalive?: boolean, bearer?: string}} [options] `json`, `form` and `file`
 *   are ways of sending a body; `bearer` speaks for a page whose browser keeps no cookies
 * @returns {Promise<Answer>}
 * @throws {Unreachable}
 */
export async function ask(path, options = {}) {
  const { json, form, file, deadlineMs = DEADLINE_MS, keepalive = false, bearer = "" } = options;
  const body = json === undefined ? (file ?? (form && new URLSearchParams(form))) : JSON.stringify(json);
  const method = options.method ?? (body === undefined ? "GET" : "POST");
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), deadlineMs);
  try {
    const response = await fetch(path, {
      method,
      keepalive,
      credentials: "same-origin",
      cache: "no-store",
      headers: {
        ...(json !== undefined && { "Content-Type": "application/json" }),
        ...(file && { "Content-Type": "application/octet-stream" }),
        ...(bearer && { Authorization: `Bearer ${bearer}` }),
        ...(method === "GET" && !isAsked() && { "Jaga-Refresh": "1" }),
      },
      body,
      signal: deadline.signal,
    });
    return {
      status: response.status,
      ok: response.ok,
      body: await asJson(response),
      retryAfter: retryAfterSeconds(response.headers.get("Retry-After")),
    };
  } catch (error) {
    throw new Unreachable(String(error));
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Whether a person has just pressed or typed something. What a page looks up by itself is no
 * activity, and must not keep a session alive that nobody uses.
 */
function isAsked() {
  return globalThis.navigator?.userActivation?.isActive ?? false;
}

/**
 * @param {string | null} header `Retry-After` in seconds
 * @returns {number | null}
 */
export function retryAfterSeconds(header) {
  if (header === null || !/^\s*\d+(\.\d+)?\s*$/.test(header)) return null;
  return Math.ceil(Number(header));
}

/** @param {Response} response */
async function asJson(response) {
  const text = await response.text();
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

/**
 * The same, for a page that only has to say that nobody answered.
 *
 * @param {string} path
 * @param {Parameters<typeof ask>[1]} [options]
 * @returns {Promise<Answer | null>} null when nobody answered
 */
export async function reply(path, options) {
  try {
    return await ask(path, options);
  } catch (error) {
    if (error instanceof Unreachable) return null;
    throw error;
  }
}
