// @ts-check
/** `<local-moment data-at [data-brief]>`: a moment (unix seconds) in the reader's own time. */

const LONG = new Intl.DateTimeFormat("id-ID", { dateStyle: "long", timeStyle: "short" });
const BRIEF = new Intl.DateTimeFormat("id-ID", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});

class LocalMoment extends HTMLElement {
  connectedCallback() {
    const format = this.hasAttribute("data-brief") ? BRIEF : LONG;
    this.textContent = format.format(new Date(Number(this.dataset.at) * 1000));
  }
}

customElements.define("local-moment", LocalMoment);
