// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { codeIn } from "../../web/static/js/qr/qr_code.js";

const ORIGIN = "https://jaga.test";
const CODE = "abcDEF0123-_abcDEF0123-_abcDEF01";

test("an address of this site gives its code", () => {
  assert.deepEqual(codeIn(`${ORIGIN}/link#${CODE}`, ORIGIN), { code: CODE, foreign: false });
  assert.deepEqual(codeIn(`  ${ORIGIN}/link#${CODE}\n`, ORIGIN), { code: CODE, foreign: false });
});

test("the code alone will do", () => {
  assert.deepEqual(codeIn(CODE, ORIGIN), { code: CODE, foreign: false });
});

test("another site's address is told apart, however much it looks like ours", () => {
  for (const site of [
    "https://jaga.test.jahat.example",
    "http://jaga.test",
    "https://jaga.test:8443",
    "https://jaga.test@jahat.example",
  ]) {
    assert.deepEqual(codeIn(`${site}/link#${CODE}`, ORIGIN), { code: "", foreign: true }, site);
  }
});

test("anything else is no code", () => {
  for (const text of [
    "",
    "halo",
    CODE.slice(1),
    `${CODE}a`,
    `${CODE.slice(1)}!`,
    `${ORIGIN}/link#${CODE}x`,
    `${ORIGIN}/link?c=${CODE}`,
    `${ORIGIN}/lain#${CODE}`,
    "javascript:alert(1)//",
  ]) {
    assert.equal(codeIn(text, ORIGIN).code, "", text);
  }
});
