import assert from "node:assert/strict";
import { test } from "node:test";
import {
  fingerprintCookie,
  generateFingerprint,
  hashString,
  readFingerprint,
} from "../../web/static/js/session/fingerprint.js";

/** The listing of the monitoring document, as a measure. */
function documentedHash(text) {
  let hash = 0;
  for (let i = 0; i < text.length; i++) {
    hash = (hash << 5) - hash + text.charCodeAt(i);
    hash = hash & hash;
  }
  return Math.abs(hash).toString(36);
}

test("the hash is the document's, with its collisions", () => {
  assert.equal(hashString(""), "0");
  assert.equal(hashString("a"), "2p");
  assert.equal(hashString("fooAabar"), "5qwzpp");
  assert.equal(hashString("fooBBbar"), "5qwzpp");
});

test("the hash stays on 32 bits however long the text", () => {
  const texts = ["fingerprint", "Mozilla/5.0 (X11; Linux x86_64)|||id-ID|||24", "é漢😀".repeat(500)];
  for (const text of texts) assert.equal(hashString(text), documentedHash(text));
  // The last character alone takes these over the edge of 32 bits.
  assert.equal(hashString("jagabu2gbacw9b77hz"), "zik0zd");
  // 2^31 has no positive counterpart on int32; the magnitude is taken after widening.
  assert.equal(hashString("polygenelubricants"), (2 ** 31).toString(36));
});

test("the cookie is found wherever it stands, and no other is taken for it", () => {
  assert.equal(readFingerprint("device_fp=abc12"), "abc12");
  assert.equal(readFingerprint("a=1; device_fp=abc12; b=2"), "abc12");
  assert.equal(readFingerprint("a=1;device_fp=abc12"), "abc12");
  assert.equal(readFingerprint("xdevice_fp=abc12"), null);
  assert.equal(readFingerprint("a=device_fp=abc12"), null);
  assert.equal(readFingerprint("device_fp="), null);
  assert.equal(readFingerprint(""), null);
});

test("the cookie lasts a year, for the whole site, Secure on https", () => {
  const plain = "device_fp=abc12; max-age=31536000; path=/; SameSite=Strict";
  assert.equal(fingerprintCookie("abc12", false), plain);
  assert.equal(fingerprintCookie("abc12", true), `${plain}; Secure`);
});

test("the fingerprint joins the document's components in its order", (context) => {
  const drawn = [];
  const canvas = {
    getContext: () => ({
      set font(value) {
        drawn.push(value);
      },
      set textBaseline(value) {
        drawn.push(value);
      },
      fillText: (...values) => drawn.push(...values),
    }),
    toDataURL: () => "data:image/png;base64,AAAA",
  };
  const names = ["navigator", "screen", "document", "window"];
  const before = names.map((name) => Object.getOwnPropertyDescriptor(globalThis, name));
  context.after(() =>
    names.forEach((name, index) => {
      delete globalThis[name];
      if (before[index]) Object.defineProperty(globalThis, name, before[index]);
    }),
  );
  const fakes = {
    navigator: { userAgent: "UA", language: "id-ID" },
    screen: { colorDepth: 24, width: 360, height: 740 },
    document: { createElement: () => canvas },
    window: {
      sessionStorage: {},
      get localStorage() {
        throw new Error("forbidden");
      },
    },
  };
  for (const name of names) {
    Object.defineProperty(globalThis, name, { value: fakes[name], configurable: true });
  }
  const offset = new Date().getTimezoneOffset();
  const text = `UA|||id-ID|||24|||360x740|||${offset}|||true|||false|||data:image/png;base64,AAAA`;
  assert.equal(generateFingerprint(), hashString(text));
  assert.deepEqual(drawn, ["top", "14px Arial", "fingerprint", 2, 2]);
});
