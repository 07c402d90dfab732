// @ts-check
/** The button of the pages that are meant for paper. */

document.getElementById("print")?.addEventListener("click", () => print());
