// @ts-check
/** Lets the phone keep the shell of these pages (`/sw.js`): installable, nothing with a session. */

if ("serviceWorker" in navigator) {
  addEventListener("load", () => {
    // A browser that refuses (private mode, storage full) works all the same, only not installed.
    navigator.serviceWorker.register("/sw.js").catch(() => undefined);
  });
}
