// @ts-check
/**
 * `<hotspot-waiting>`: a newcomer's page while nobody has approved them yet. Turns into the member's
 * own page the moment somebody has, and leads back to the portal when the session is over.
 */

import { Approval } from "./hotspot_approval.js";

class HotspotWaiting extends HTMLElement {
  #approval = new Approval("", decided);

  connectedCallback() {
    this.#approval = new Approval("", decided);
    void this.#approval.follow();
  }

  disconnectedCallback() {
    this.#approval.stop();
  }
}

/** @param {boolean} approved */
function decided(approved) {
  if (approved) location.reload();
  else location.assign("/hotspot/login");
}

customElements.define("hotspot-waiting", HotspotWaiting);
