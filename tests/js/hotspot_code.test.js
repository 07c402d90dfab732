import assert from "node:assert/strict";
import { test } from "node:test";
import { codeIn, fragmentOf, waitingIn } from "../../web/static/js/hotspot/hotspot_code.js";

test("a code is found in what people paste", () => {
  const message = "Kode masuk Jaga: 123456. Berlaku 5 menit. Jangan berikan kode ini.";
  for (const text of ["123456", " 123456 ", "123 456", "123-456", message, "kode:123456!"]) {
    assert.equal(codeIn(text), "123456", text);
  }
});

test("what is too short, too long or no number is no code", () => {
  for (const text of ["", "12345", "1234567", "0812 3456 7890", "12 34 56", "abcdef"]) {
    assert.equal(codeIn(text), "", text);
  }
});

test("no pattern is used that an older phone's browser cannot read", async () => {
  const { readFile, readdir } = await import("node:fs/promises");
  const folder = new URL("../../web/static/js/hotspot/", import.meta.url);
  for (const name of await readdir(folder)) {
    assert.doesNotMatch(await readFile(new URL(name, folder), "utf8"), /\(\?<[=!]/, name);
  }
});

test("the place in the page goes through the address's fragment and back", () => {
  const waiting = { phone: "+62 812-3456-7890", resendAt: 1_700_000_060 };
  const fragment = fragmentOf(waiting);
  assert.match(fragment, /^#kode=/);
  assert.deepEqual(waitingIn(fragment), waiting);
});

test("any other fragment is none of ours", () => {
  for (const text of ["", "#", "#isi", "#kode=", "#kode=<b>x</b>", "#kode=1", `#kode=${"9".repeat(40)}`]) {
    assert.equal(waitingIn(text), null, text);
  }
  assert.deepEqual(waitingIn("#kode=081234567890&lagi=x"), { phone: "081234567890", resendAt: 0 });
});
