// @ts-check
/**
 * The service worker: keeps one page for when there is no network, with its files. All other files
 * whose address carries their content's hash are in the browser's own cache for ever; to keep them
 * here as well made each script of a page wait for a disk. Pages, answers and streams always come
 * from the server: nothing that has to do with a session is ever kept.
 */

const CACHE = "jaga-shell-3";
const OFFLINE = "/offline";

/**
 * A service worker's events, as far as they are used here: TypeScript's library for workers cannot
 * be loaded beside the one for pages.
 *
 * @typedef {{waitUntil: (promise: Promise<unknown>) => void, request: Request,
 *   respondWith: (answer: Promise<Response>) => void}} WorkerEvent
 */

const worker = /** @type {{
 *   addEventListener: (type: string, listener: (event: WorkerEvent) => void) => void,
 *   skipWaiting: () => Promise<void>,
 *   clients: {claim: () => Promise<void>}
 * }} */ (/** @type {unknown} */ (self));

worker.addEventListener("install", (event) => {
  event.waitUntil(keepOfflinePage().then(() => worker.skipWaiting()));
});

worker.addEventListener("activate", (event) => {
  event.waitUntil(dropOtherCaches().then(() => worker.clients.claim()));
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const address = new URL(request.url);
  if (request.method !== "GET" || address.origin !== location.origin) return;
  if (request.mode === "navigate") {
    event.respondWith(fetch(request).catch(() => offlinePage()));
  } else if (address.pathname.startsWith("/static/") && address.searchParams.has("v")) {
    event.respondWith(shellFile(request));
  }
});

/** The page that says there is no network, with the files it names. */
async function keepOfflinePage() {
  const cache = await caches.open(CACHE);
  // without cookies: it is the same page for everybody
  const page = await fetch(OFFLINE, { cache: "no-store", credentials: "omit" });
  const text = await page.clone().text();
  await cache.put(OFFLINE, page);
  const files = [...text.matchAll(/"(\/static\/[^"]+\?v=[^"]+)"/g)].map((found) => found[1]);
  await cache.addAll([...new Set(files)]);
}

async function offlinePage() {
  return (await caches.match(OFFLINE)) ?? Response.error();
}

/** @param {Request} request */
async function shellFile(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await caches.match(request);
    if (kept) return kept;
    throw error;
  }
}

async function dropOtherCaches() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)));
}
