// @ts-check
/** Reads a QR code with the camera, where the browser can do it by itself (`BarcodeDetector`). */

/** Often enough to feel immediate, seldom enough to leave the phone cool. */
const LOOK_MS = 200;

export class QrCamera {
  #video;
  #onText;
  /** @type {MediaStream | null} */ #stream = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #looking;
  #isLooking = false;

  /**
   * @param {HTMLElement} video a `<video>`
   * @param {(text: string) => void} onText told once, then the camera is closed
   */
  constructor(video, onText) {
    this.#video = /** @type {HTMLVideoElement} */ (video);
    this.#onText = onText;
  }

  /** Whether this browser can do it at all; a page over plain http has no camera. */
  static isThere() {
    return "BarcodeDetector" in globalThis && Boolean(navigator.mediaDevices?.getUserMedia);
  }

  /** @returns {Promise<boolean>} false when the camera is refused or not there */
  async open() {
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: "environment" },
      });
      this.#video.srcObject = this.#stream;
      await this.#video.play();
    } catch {
      this.close();
      return false;
    }
    // @ts-expect-error not in TypeScript's library yet
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    this.#looking = setInterval(() => void this.#look(detector), LOOK_MS);
    return true;
  }

  close() {
    clearInterval(this.#looking);
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#video.srcObject = null;
  }

  /** @param {{detect: (source: HTMLVideoElement) => Promise<{rawValue: string}[]>}} detector */
  async #look(detector) {
    if (this.#isLooking || !this.#stream) return;
    this.#isLooking = true;
    const found = await detector.detect(this.#video).catch(() => []);
    this.#isLooking = false;
    if (!found.length || !this.#stream) return;
    this.close();
    this.#onText(found[0].rawValue);
  }
}
