// @ts-check
/** The page for a new password: sends the form, says what is wrong with it, goes on. */

import "../lib/password_field.js";
import { reply } from "../lib/ask.js";
import { byId, occupy, say } from "../lib/dom.js";
import { whyNot } from "../lib/words.js";

const ADDRESS = "/password";
const NEXT = "/dashboard";

/** Two passwords are hashed, each in its turn behind others. */
const DEADLINE_MS = 20_000;

const form = byId("formPassword", HTMLFormElement);
const button = byId("password_button", HTMLButtonElement);

button.disabled = false;
form.addEventListener("submit", (event) => {
  event.preventDefault();
  void send();
});

async function send() {
  const json = Object.fromEntries(new FormData(form));
  say("password_message", "");
  occupy(button, true);
  const answer = await reply(ADDRESS, { json, deadlineMs: DEADLINE_MS });
  occupy(button, false);
  if (answer?.ok) location.replace(NEXT);
  else say("password_message", whyNot(answer));
}

