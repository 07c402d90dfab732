// @ts-check
/** Sends a new password with the token of the mailed link, then goes to the login page. */

import "../lib/password_field.js";
import { ask } from "../lib/ask.js";

/** A password is hashed in its turn, behind others. */
const DEADLINE_MS = 20_000;

const form = /** @type {HTMLFormElement} */ (document.getElementById("formSetPassword"));
const button = /** @type {HTMLButtonElement} */ (document.getElementById("password_button"));
const message = /** @type {HTMLElement} */ (document.getElementById("password_message"));

const token = location.hash.slice(1);
// out of the address bar, and so out of the history and of screenshots
history.replaceState(null, "", location.pathname);

if (token) button.disabled = false;
else say("Tautan ini tidak lengkap. Buka lagi dari email Anda.");

form.addEventListener("submit", (event) => {
  event.preventDefault();
  void send();
});

async function send() {
  const password = new FormData(form).get("new");
  say("");
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  const answer = await ask("/api/auth/set-password", {
    json: { token, password },
    deadlineMs: DEADLINE_MS,
  }).catch(() => null);
  button.disabled = false;
  button.removeAttribute("aria-busy");
  if (answer?.ok) location.replace("/login");
  else say(answer?.body.message ?? "Server tidak terjangkau. Coba lagi sebentar.");
}

/** @param {string} text nothing hides the box */
function say(text) {
  message.textContent = text;
  message.style.display = text ? "flex" : "none";
}
