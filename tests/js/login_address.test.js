import assert from "node:assert/strict";
import { test } from "node:test";
import { takeCredentials } from "../../web/static/js/session/login_address.js";

const SITE = "https://jaga.contoh.id";
const FRAGMENT = "/login#username=budi%40contoh.id&password=a%26b";
const QUERY = "/login?username=budi&password=rahasia&reason=idle";

function take(address, mode) {
  return takeCredentials(new URL(SITE + address), mode);
}

test("credentials in the fragment are used by default, and stripped", () => {
  const { credentials, clean } = take(FRAGMENT, "fragment");
  assert.deepEqual(credentials, { username: "budi@contoh.id", password: "a&b" });
  assert.equal(clean, "/login");
});

test("credentials in the query are used only when that is switched on", () => {
  assert.deepEqual(take(QUERY, "on").credentials, { username: "budi", password: "rahasia" });
  assert.equal(take(QUERY, "fragment").credentials, null);
  assert.equal(take(QUERY, "off").credentials, null);
});

test("switched off, nothing is used", () => {
  assert.equal(take(FRAGMENT, "off").credentials, null);
});

test("credentials are stripped whatever is allowed, and nothing else is", () => {
  for (const mode of ["off", "fragment", "on"]) {
    assert.equal(take(FRAGMENT, mode).clean, "/login");
    assert.equal(take(QUERY, mode).clean, "/login?reason=idle");
  }
  assert.equal(take("/login?reason=idle&kick=1#isi", "on").clean, "/login?reason=idle&kick=1#isi");
});

test("half of a pair is no credential, and is stripped too", () => {
  const { credentials, clean } = take("/login#username=budi", "fragment");
  assert.equal(credentials, null);
  assert.equal(clean, "/login");
});
