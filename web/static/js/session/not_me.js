// @ts-check
/** "Bukan saya" on the login page: ends the login that has just put this browser out. */

import { reply } from "../lib/ask.js";
import { whyNot } from "../lib/words.js";

const box = document.getElementById("not-me");
const button = box?.querySelector("button");
const said = box?.querySelector("p");

button?.addEventListener("click", async () => {
  button.disabled = true;
  const answer = await reply("/api/auth/not-me", { method: "POST" });
  if (said) said.textContent = whyNot(answer);
  if (answer) button.remove();
  else button.disabled = false;
});
