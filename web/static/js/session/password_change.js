// @ts-check
/** The page for a new password: sends the form, says what is wrong with it, goes on. */

import "../lib/password_field.js";
import { ask } from "../lib/ask.js";

const ADDRESS = "/password";
const NEXT = "/dashboard";

/** Two passwords are hashed, each in its turn behind others. */
const DEADLINE_MS = 20_000;

const form = /** @type {HTMLFormElement} */ (document.getElementById("formPassword"));
const button = /** @type {HTMLButtonElement} */ (document.getElementById("password_button"));
const message = /** @type {HTMLElement} */ (document.getElementById("password_message"));

button.disabled = false;
form.addEventListener("submit", (event) => {
  event.preventDefault();
  void send();
});

async function send() {
  const json = Object.fromEntries(new FormData(form));
  say("");
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  const answer = await ask(ADDRESS, { json, deadlineMs: DEADLINE_MS }).catch(() => null);
  button.disabled = false;
  button.removeAttribute("aria-busy");
  if (answer?.ok) location.replace(NEXT);
  else say(answer?.body.message ?? "Server tidak terjangkau. Coba lagi sebentar.");
}

/** @param {string} text nothing hides the box */
function say(text) {
  message.textContent = text;
  message.style.display = text ? "flex" : "none";
}
