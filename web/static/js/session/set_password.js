// @ts-check
/** Sends a new password with the token of the mailed link, then goes to the login page. */

import "../lib/password_field.js";
import { reply } from "../lib/ask.js";
import { byId, occupy, say } from "../lib/dom.js";
import { whyNot } from "../lib/words.js";

/** A password is hashed in its turn, behind others. */
const DEADLINE_MS = 20_000;

const form = byId("formSetPassword", HTMLFormElement);
const button = byId("password_button", HTMLButtonElement);

const token = location.hash.slice(1);
// out of the address bar, and so out of the history and of screenshots
history.replaceState(null, "", location.pathname);

if (token) button.disabled = false;
else refuse("Tautan ini tidak lengkap. Buka lagi dari email Anda.");

form.addEventListener("submit", (event) => {
  event.preventDefault();
  void send();
});

async function send() {
  const password = new FormData(form).get("new");
  say("password_message", "");
  occupy(button, true);
  const answer = await reply("/api/auth/set-password", {
    json: { token, password },
    deadlineMs: DEADLINE_MS,
  });
  occupy(button, false);
  if (answer?.ok) location.replace("/login?reason=password_set");
  else if (answer?.status === 404) refuse(whyNot(answer));
  else say("password_message", whyNot(answer));
}

/**
 * The link opens nothing: another one may be asked for.
 *
 * @param {string} why
 */
function refuse(why) {
  say("password_message", why);
  byId("password_again").hidden = false;
}

