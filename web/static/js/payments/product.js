// @ts-check
/** The sample product page: the video stops with the licence, and is loaded anew with it. */

const frame = /** @type {HTMLIFrameElement} */ (document.getElementById("videoFrame"));
const address = frame.dataset.address ?? "";

document.addEventListener("licence-closed", () => {
  // what is only hidden would go on playing
  if (frame.src) frame.src = "about:blank";
});
document.addEventListener("licence-open", play);
// the licence may have answered before this script came
if (document.querySelector("licence-gate[open]")) play();

function play() {
  if (!frame.src.endsWith(address)) frame.src = address;
}
