// @ts-check
/** The page for a forgotten password: asks for a mail or a code, and hands a code in for a link. */

import { codeIn } from "../hotspot/hotspot_code.js";
import { HotspotResend } from "../hotspot/hotspot_resend.js";
import { reply } from "../lib/ask.js";
import { byId, field, occupy, say, showOnly, write } from "../lib/dom.js";
import { whyNotNow } from "../lib/words.js";

const ASK_ADDRESS = "/api/auth/forgot";
const CODE_ADDRESS = "/api/auth/forgot/code";

let phone = "";

if (document.getElementById("form_ask")) begin();

function begin() {
  const again = byId("code_again", HTMLButtonElement);
  const resend = new HotspotResend({
    button: again,
    isAwaited: () => !byId("form_code").hidden,
    onFailed: (why) => say("code_message", why),
  });
  byId("ask_button", HTMLButtonElement).disabled = false;
  onSubmit("form_ask", () => ask(resend, "ask"));
  onSubmit("form_code", handIn);
  again.addEventListener("click", () => void ask(resend, "code"));
  for (const button of document.querySelectorAll("[data-again]")) {
    button.addEventListener("click", () => {
      resend.stop();
      show("ask");
    });
  }
}

/**
 * @param {string} id
 * @param {() => Promise<void>} send
 */
function onSubmit(id, send) {
  byId(id, HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    void send();
  });
}

/**
 * @param {HotspotResend} resend
 * @param {"ask" | "code"} from where a refusal is said
 */
async function ask(resend, from) {
  const username = field("username").value.trim();
  if (!username) return field("username").focus();
  const button = byId("ask_button", HTMLButtonElement);
  say(`${from}_message`, "");
  occupy(button, true);
  resend.hold(true);
  const answer = await reply(ASK_ADDRESS, { json: { username } });
  occupy(button, false);
  resend.hold(false);
  if (!answer?.ok) return say(`${from}_message`, whyNotNow(answer));
  const { way, message, phone_number, resend_in, ticket } = answer.body;
  if (way === "mail") {
    write("mail_text", message);
    return show("mail");
  }
  phone = phone_number;
  write("code_phone", phone);
  resend.await(Date.now() / 1000 + resend_in);
  resend.watch(ticket);
  show("code");
}

async function handIn() {
  const otp = codeIn(field("code").value);
  if (!otp) return say("code_message", "Kode terdiri dari 6 angka.");
  const button = byId("code_button", HTMLButtonElement);
  say("code_message", "");
  occupy(button, true);
  const answer = await reply(CODE_ADDRESS, { json: { phone_number: phone, otp } });
  occupy(button, false);
  if (answer?.ok) location.assign(answer.body.redirect);
  else say("code_message", whyNotNow(answer));
}

/** @param {"ask" | "mail" | "code"} step */
function show(step) {
  showOnly(document, "step", step);
  byId({ ask: "username", mail: "mail_title", code: "code" }[step]).focus();
}
