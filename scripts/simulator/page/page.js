// @ts-check
/**
 * The simulator's live page: asks `/overview` each second while it is looked at, and draws what
 * changed. Cards and lists are changed in place, so that a button can be hit while things move.
 */

/**
 * @typedef {{type: string, comment: string}} Binding
 * @typedef {{user: string, by: string, profile: string, next_profile: string, uptime: string, comment: string}} Session
 * @typedef {{bytes_in: number, bytes_out: number, passed: boolean, at: number}} Packet
 * @typedef {{mac: string, ip: string, state: string, verdict: string, binding: Binding | null,
 *   session: Session | null, bytes_in: number, bytes_out: number, last: Packet | null,
 *   is_stale: boolean}} Device
 * @typedef {{number: number, command: string, at: number, count: number, refused: number}} Line
 * @typedef {{count: number, rows: Record<string, string>[]}} Table
 * @typedef {{router: Record<string, any>, counts: Record<string, number>, devices: Device[],
 *   garden: string[], lines: Line[], calls: Record<string, number>,
 *   tables: Record<string, Table>}} Overview
 */

const POLL_MS = 1000;

const MEGABYTE = 1 << 20;

const STATES = /** @type {Record<string, string>} */ ({
  internet: "internet",
  barred: "terhalang",
  blocked: "diblokir",
  gone: "pergi",
});

const READING = new Set(["print", "getall", "get", "listen", "find"]);

/** @param {string} path @param {unknown} [body] @param {string} [method] @returns {Promise<any>} */
async function send(path, body, method = "POST") {
  const options = method === "GET" ? {} : { method, body: JSON.stringify(body ?? {}) };
  return (await fetch(path, options)).json();
}

/** @param {number} count */
function inWords(count) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  const step = count ? Math.min(Math.floor(Math.log2(count) / 10), units.length - 1) : 0;
  const number = (count / 2 ** (10 * step)).toLocaleString("id", { maximumFractionDigits: step ? 1 : 0 });
  return `${number} ${units[step]}`;
}

/** @param {number} at Unix seconds */
function clockOf(at) {
  return new Date(at * 1000).toLocaleTimeString("id", { hour12: false });
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name @param {string} [text] @param {string} [className]
 * @returns {HTMLElementTagNameMap[K]}
 */
function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** Why a device is let through or kept out, in a sentence. @param {Device} device @param {string[]} garden */
function whyOf({ state, verdict, binding, session }, garden) {
  const note = (binding?.comment || session?.comment || "").replace(/\s*\[jaga .*\]/, "");
  const who = note ? ` (${note})` : "";
  if (state === "gone") return "Tidak di jangkauan; barisnya hilang bila waktunya habis.";
  if (!verdict) return "Router belum tahu perangkat ini: kirim sesuatu dulu.";
  if (state === "blocked") return `Diblokir oleh binding${who}: semua paketnya dibuang.`;
  if (verdict === "bypassed") return `Dilewatkan oleh binding${who}, tanpa login dan tanpa profil.`;
  if (session) return `Masuk sebagai ${session.user}${who} lewat ${session.by}, profil ${session.profile}, ${session.uptime}.`;
  if (!garden.length) return "Belum masuk: halaman http dibawa ke portal, lainnya dibuang.";
  const shown = garden.slice(0, 3).join(", ") + (garden.length > 3 ? ` dan ${garden.length - 3} lagi` : "");
  return `Belum masuk: hanya walled garden (${shown}).`;
}

/** What an operator would miss otherwise. @param {Device} device */
function noteOf({ is_stale, session, binding }) {
  if (is_stale) return `Binding kini ${binding?.type ?? "tidak ada"}, tetapi baris host masih yang lama.`;
  if (session && session.next_profile !== session.profile) {
    return session.next_profile ? `Login berikutnya: ${session.next_profile}.` : "User ini sudah tidak ada di router.";
  }
  return "";
}

class DeviceCard extends HTMLElement {
  /** @type {(path: string, body: object) => void} */
  act = () => {};
  #device = /** @type {Device | null} */ (null);
  #name = element("strong", "", "mono");
  #address = element("span", "", "quiet mono");
  #state = element("span", "", "state");
  #why = element("p", "", "why");
  #note = element("p", "", "note-line");
  #total = element("span");
  #last = element("span");
  #portal = element("a", "Buka portal", "button");
  #presence = element("button", "Pergi");
  #sends = [element("button", "Kirim 10 MB"), element("button", "Ganti MAC")];
  #listening = new AbortController();

  connectedCallback() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    if (!this.childElementCount) this.#build();
    const [send10, rotate] = this.#sends;
    const on = (/** @type {HTMLElement} */ button, /** @type {(device: Device) => void} */ act) =>
      button.addEventListener("click", () => this.#device && act(this.#device), { signal });
    on(send10, ({ mac }) => this.act("traffic", { mac, bytes_in: MEGABYTE, bytes_out: 9 * MEGABYTE }));
    on(rotate, ({ mac }) => this.act("rotate", { mac, new_mac: randomMac() }));
    on(this.#presence, ({ mac, ip, state }) => this.act(state === "gone" ? "join" : "leave", { mac, ip }));
  }

  disconnectedCallback() {
    this.#listening.abort();
  }

  /** @param {Device} device @param {string[]} garden */
  show(device, garden) {
    this.#device = device;
    this.dataset.state = device.state;
    this.#name.textContent = device.mac;
    this.#address.textContent = device.ip;
    this.#state.textContent = STATES[device.state];
    this.#state.className = `state ${device.state}`;
    this.#why.textContent = whyOf(device, garden);
    this.#note.textContent = noteOf(device);
    this.#total.textContent = `↑ ${inWords(device.bytes_in)}  ↓ ${inWords(device.bytes_out)}`;
    this.#last.textContent = lastOf(device.last);
    this.#portal.href = `/device/${device.mac}/`;
    this.#presence.textContent = device.state === "gone" ? "Bergabung" : "Pergi";
    for (const button of this.#sends) button.disabled = device.state === "gone";
  }

  #build() {
    this.#portal.target = "_blank";
    this.#portal.rel = "noopener";
    const who = element("div");
    who.append(this.#name, this.#address);
    const top = element("div", "", "card-top");
    top.append(who, this.#state);
    const meter = element("div", "", "meter");
    meter.append(this.#total, this.#last);
    const actions = element("div", "", "actions");
    actions.append(this.#portal, ...this.#sends, this.#presence);
    this.append(top, this.#why, this.#note, meter, actions);
  }
}

/** @param {Packet | null} packet */
function lastOf(packet) {
  if (!packet) return "belum mengirim";
  const size = inWords(packet.bytes_in + packet.bytes_out);
  return `${clockOf(packet.at)} ${size} ${packet.passed ? "lolos" : "dibuang"}`;
}

/** As phones make them up: locally administered, for one device. */
function randomMac() {
  const bytes = crypto.getRandomValues(new Uint8Array(6));
  bytes[0] = (bytes[0] & 0xfc) | 2;
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0").toUpperCase()).join(":");
}

class RouterPage extends HTMLElement {
  #listening = new AbortController();
  #timer = 0;
  #away = false;
  /** @type {Map<string, DeviceCard>} */
  #cards = new Map();

  connectedCallback() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    this.#part("join").addEventListener("submit", (event) => this.#join(event), { signal });
    for (const button of this.querySelectorAll("button[data-act]")) {
      button.addEventListener("click", () => this.#press(/** @type {HTMLElement} */ (button)), { signal });
    }
    document.addEventListener("visibilitychange", () => this.#poll(), { signal });
    this.#poll();
  }

  disconnectedCallback() {
    this.#listening.abort();
    clearTimeout(this.#timer);
  }

  async #poll() {
    clearTimeout(this.#timer);
    if (document.visibilityState !== "visible") return;
    await this.#look();
    clearTimeout(this.#timer);
    if (!this.#listening.signal.aborted) this.#timer = setTimeout(() => this.#poll(), POLL_MS);
  }

  async #look() {
    try {
      this.#draw(await send("/overview", undefined, "GET"));
    } catch {
      this.#part("about").textContent = "Simulator tidak menjawab. Mencoba lagi…";
      this.#setLink("blocked", "mati");
    }
  }

  /** @param {Overview} seen */
  #draw(seen) {
    this.#drawRouter(seen.router);
    this.#drawCounts(seen.counts);
    this.#drawCards(seen);
    this.#drawLines(seen.lines);
    this.#drawCalls(seen.calls);
    this.#drawTables(seen.tables);
  }

  /** @param {Record<string, any>} router */
  #drawRouter(router) {
    this.#away = router.away;
    this.#part("name").textContent = router.name;
    const odd = [
      router.read_only && "hanya baca",
      router.delay_seconds && `lambat ${router.delay_seconds} d`,
      router.shots && `${router.shots} gangguan menunggu`,
    ].filter(Boolean);
    this.#part("about").textContent = [
      `RouterOS ${router.version}, hidup ${router.uptime}`,
      `${router.connections} sambungan API`,
      `login-by ${router.login_by.join(", ")}`,
      ...odd,
    ].join(" · ");
    this.#setLink(router.away ? "blocked" : "internet", router.away ? "API mati" : "API hidup");
    const button = /** @type {HTMLElement} */ (this.querySelector("[data-act=away]"));
    button.textContent = router.away ? "Hidupkan API" : "Matikan API";
    button.setAttribute("aria-pressed", String(router.away));
  }

  /** @param {string} state @param {string} text */
  #setLink(state, text) {
    this.#part("link").className = `state ${state}`;
    this.#part("link").textContent = text;
  }

  /** @param {Record<string, number>} counts */
  #drawCounts(counts) {
    this.#part("counts").replaceChildren(
      ...Object.keys(STATES)
        .filter((state) => counts[state])
        .map((state) => element("li", `${counts[state].toLocaleString("id")} ${STATES[state]}`, state)),
    );
  }

  /** @param {Overview} seen */
  #drawCards({ devices, garden, counts }) {
    const place = this.#part("cards");
    const shown = new Set(devices.map((device) => device.mac));
    for (const [mac, card] of this.#cards) {
      if (!shown.has(mac)) {
        card.remove();
        this.#cards.delete(mac);
      }
    }
    place.querySelector(".empty")?.remove();
    devices.forEach((device, at) => {
      const card = this.#cards.get(device.mac) ?? this.#newCard(device.mac);
      card.show(device, garden);
      if (place.children[at] !== card) place.insertBefore(card, place.children[at] ?? null);
    });
    if (!devices.length) place.replaceChildren(element("p", "Belum ada perangkat. Gabungkan satu di atas.", "empty"));
    const hidden = Object.values(counts).reduce((sum, count) => sum + count, 0) - devices.length;
    this.#part("more").textContent = hidden > 0 ? `dan ${hidden.toLocaleString("id")} perangkat lagi` : "";
  }

  /** @param {string} mac */
  #newCard(mac) {
    const card = /** @type {DeviceCard} */ (document.createElement("device-card"));
    card.act = (path, body) => this.#act(path, body);
    this.#cards.set(mac, card);
    return card;
  }

  /** @param {Line[]} lines */
  #drawLines(lines) {
    const place = this.#part("lines");
    place.replaceChildren(
      ...[...lines].reverse().map(({ command, at, count, refused }) => {
        const item = element("li");
        const verb = command.slice(command.lastIndexOf("/") + 1);
        const name = element("code", command, READING.has(verb) ? "" : "writes");
        item.append(element("time", clockOf(at)), name);
        if (refused) item.append(element("span", `${refused} ditolak`, "refused"));
        if (count > 1) item.append(element("span", `×${count.toLocaleString("id")}`, "times"));
        return item;
      }),
    );
    if (!lines.length) place.append(element("li", "Belum ada.", "quiet"));
  }

  /** @param {Record<string, number>} calls */
  #drawCalls(calls) {
    const most = Object.entries(calls).sort(([, one], [, other]) => other - one);
    this.#part("calls").replaceChildren(
      ...most.map(([command, count]) => {
        const row = element("tr");
        const name = element("td");
        name.append(element("code", command));
        row.append(name, element("td", count.toLocaleString("id")));
        return row;
      }),
    );
  }

  /** @param {Record<string, Table>} tables */
  #drawTables(tables) {
    const place = this.#part("tables");
    for (const [path, { count, rows }] of Object.entries(tables)) {
      let details = /** @type {HTMLDetailsElement | null} */ (place.querySelector(`[data-path="${path}"]`));
      if (!details) {
        details = element("details");
        details.dataset.path = path;
        details.append(element("summary"), element("div", "", "scroll"));
        place.append(details);
      }
      details.children[0].replaceChildren(element("code", path), ` ${count.toLocaleString("id")}`);
      if (details.open) details.children[1].replaceChildren(tableOf(rows, count));
    }
  }

  /** @param {Event} event */
  async #join(event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const wish = Object.fromEntries(new FormData(form));
    if (await this.#act("join", wish)) {
      this.#field("mac").value = nextOf(String(wish.mac), 16, /[0-9a-f]{1,2}$/i, 2);
      this.#field("ip").value = nextOf(String(wish.ip), 10, /\d+$/, 0);
    }
  }

  /** @param {HTMLElement} button */
  async #press(button) {
    const acts = /** @type {Record<string, () => Promise<unknown>>} */ ({
      away: () => this.#act("fault", { away: !this.#away }),
      advance: () => this.#act("advance", { seconds: 3600 }),
      reboot: () => this.#act("reboot", {}),
      forget: () => this.#act("calls", {}, "DELETE"),
    });
    await acts[button.dataset.act ?? ""]();
  }

  /** @param {string} path @param {object} body @param {string} [method] @returns {Promise<boolean>} */
  async #act(path, body, method) {
    const place = this.#part("message");
    try {
      const answer = await send(`/${path}`, body, method);
      place.textContent = answer.error ?? (answer.passed === false ? "Paketnya dibuang." : "");
      await this.#look();
      return !answer.error;
    } catch {
      place.textContent = "Simulator tidak menjawab.";
      return false;
    }
  }

  /** @param {string} name */
  #part(name) {
    return /** @type {HTMLElement} */ (this.querySelector(`[data-${name}]`));
  }

  /** @param {string} name */
  #field(name) {
    return /** @type {HTMLInputElement} */ (this.querySelector(`[name=${name}]`));
  }
}

/** The same with the number at its end one higher. @param {string} text @param {number} base @param {RegExp} end @param {number} width */
function nextOf(text, base, end, width) {
  return text.replace(end, (found) => {
    const next = (Number.parseInt(found, base) + 1) % 255;
    return next.toString(base).padStart(width, "0").toUpperCase();
  });
}

/** @param {Record<string, string>[]} rows @param {number} count */
function tableOf(rows, count) {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const table = element("table");
  const head = element("tr");
  head.append(...names.map((name) => element("th", name)));
  const body = element("tbody");
  body.append(
    ...rows.map((row) => {
      const line = element("tr");
      line.append(...names.map((name) => element("td", row[name] ?? "", "mono")));
      return line;
    }),
  );
  const thead = element("thead");
  thead.append(head);
  table.append(thead, body);
  if (count > rows.length) table.append(element("caption", `dan ${count - rows.length} lagi`));
  return table;
}

customElements.define("device-card", DeviceCard);
customElements.define("router-page", RouterPage);
