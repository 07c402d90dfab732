import assert from "node:assert/strict";
import { test } from "node:test";
import { intentFor, isAndroid, isMiniBrowser } from "../../web/static/js/hotspot/mini_browser.js";

const SHEET =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148";
const MAC_SHEET = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)";
const ANDROID_SHEET =
  "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UD1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0 Mobile Safari/537.36";
const SAFARI =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
const CHROME =
  "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36";
const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0";

test("a portal's window is told from a real browser", () => {
  for (const agent of [SHEET, MAC_SHEET, ANDROID_SHEET]) assert.equal(isMiniBrowser(agent), true, agent);
  for (const agent of [SAFARI, CHROME, FIREFOX, ""]) assert.equal(isMiniBrowser(agent), false, agent);
  assert.equal(isAndroid(CHROME), true);
  assert.equal(isAndroid(SAFARI), false);
});

test("an intent keeps the fragment of the address it opens", () => {
  assert.equal(
    intentFor("https://jaga.test/hotspot/masuk#abc-_1"),
    "intent://jaga.test/hotspot/masuk#abc-_1#Intent;scheme=https;action=android.intent.action.VIEW;end",
  );
});
