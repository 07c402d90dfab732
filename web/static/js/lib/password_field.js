// @ts-check
/**
 * `<password-field>`: shows and hides what is typed into the password input inside it. Without
 * script the input is an ordinary one and the button stays away.
 */

class PasswordField extends HTMLElement {
  /** @type {AbortController | null} */ #listeners = null;

  connectedCallback() {
    this.#listeners = new AbortController();
    const { signal } = this.#listeners;
    this.#button.hidden = false;
    this.#button.addEventListener("click", () => this.#show(this.#isHidden), { signal });
    // A password manager and the browser's own memory expect type=password at the submit.
    this.#input.form?.addEventListener("submit", () => this.#show(false), { signal });
  }

  disconnectedCallback() {
    this.#listeners?.abort();
    this.#listeners = null;
  }

  /** @param {boolean} shown */
  #show(shown) {
    this.#input.type = shown ? "text" : "password";
    this.#word.textContent = shown ? "Sembunyikan" : "Lihat";
  }

  get #isHidden() {
    return this.#input.type === "password";
  }

  get #input() {
    return /** @type {HTMLInputElement} */ (this.querySelector("input"));
  }

  get #word() {
    return /** @type {HTMLElement} */ (this.querySelector("button span"));
  }

  get #button() {
    return /** @type {HTMLButtonElement} */ (this.querySelector("button"));
  }
}

customElements.define("password-field", PasswordField);
