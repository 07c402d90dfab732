// @ts-check
/** "Bukan saya" on the login page: ends the login that has just put this browser out. */

import { ask } from "../lib/ask.js";

const box = document.getElementById("not-me");
const button = box?.querySelector("button");
const said = box?.querySelector("p");

button?.addEventListener("click", async () => {
  button.disabled = true;
  const answer = await ask("/api/auth/not-me", { method: "POST" }).catch(() => null);
  if (said) said.textContent = answer?.body.message ?? "Server tidak terjangkau. Coba lagi.";
  if (answer) button.remove();
  else button.disabled = false;
});
