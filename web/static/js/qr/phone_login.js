// @ts-check
/** The phone's own login, on the page that lets computers in. */

import "../lib/password_field.js";
import { reply } from "../lib/ask.js";
import { byId, field, occupy, say } from "../lib/dom.js";
import { whyNot } from "../lib/words.js";

/** A password check takes its turn behind others. */
const DEADLINE_MS = 20_000;

export function beginLogin() {
  byId("login_form").addEventListener("submit", (event) => void signIn(event));
}

/** @param {Event} event */
async function signIn(event) {
  event.preventDefault();
  const [email, password] = [field("email").value, field("password").value];
  if (!email.trim() || !password) {
    say("login_message", "Isi email dan password dulu, ya.");
    return;
  }
  const button = byId("login_button", HTMLButtonElement);
  occupy(button, true);
  const answer = await reply("/api/auth/login", {
    json: { email, password, device_type: "mobile", delivery: "cookie" },
    deadlineMs: DEADLINE_MS,
  });
  if (answer?.ok) {
    location.reload();
    return;
  }
  occupy(button, false);
  say("login_message", whyNot(answer));
  button.focus();
}
