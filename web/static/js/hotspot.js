// @ts-check
/** A member's own hotspot page: moments in the reader's own time, and devices that are let go. */

import { Unreachable, ask } from "./ask.js";

const MOMENT = new Intl.DateTimeFormat("id-ID", { dateStyle: "long", timeStyle: "short" });

class LocalMoment extends HTMLElement {
  connectedCallback() {
    this.textContent = MOMENT.format(new Date(Number(this.dataset.at) * 1000));
  }
}

customElements.define("local-moment", LocalMoment);

/** @param {HTMLElement} row */
async function letGo(row) {
  const complaint = document.querySelector(".form-message");
  try {
    const path = `/api/hotspot/devices/${row.dataset.device}`;
    const answer = await ask(path, { method: "DELETE" });
    if (answer.ok) row.remove();
    else if (complaint) complaint.textContent = answer.body.message;
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    if (complaint) complaint.textContent = "Server tidak terjangkau. Coba lagi sebentar.";
  }
}

for (const row of document.querySelectorAll("[data-device]")) {
  const device = /** @type {HTMLElement} */ (row);
  device.querySelector("button")?.addEventListener("click", () => letGo(device));
}
