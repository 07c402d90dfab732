// @ts-check
/** What was done to an account, in words; and whether its member wishes to leave. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { deedInWords, isDeletionAsked } from "../../web/static/js/session/account_words.js";

/** @param {string} act @param {"self" | "staff" | "stranger"} [who] */
const deed = (act, who = "self") => ({ act, who, at: 0, ip: "" });

test("a deed has words, also one that is not known, and says when it was the operator's", () => {
  assert.equal(deedInWords(deed("password.change")), "Password diganti");
  assert.equal(deedInWords(deed("member.block", "staff")), "Akun diblokir (oleh pengelola)");
  assert.equal(deedInWords(deed("something.new")), "Data akun diubah");
});

test("the newest wish counts", () => {
  const [asked, back] = [deed("member.deletion-asked"), deed("member.deletion-withdrawn")];
  assert.equal(isDeletionAsked([deed("login.refused"), asked, back]), true);
  assert.equal(isDeletionAsked([back, asked]), false);
  assert.equal(isDeletionAsked([]), false);
});
