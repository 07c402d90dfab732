import assert from "node:assert/strict";
import { test } from "node:test";
import { asCountdown, fractionLeft, inWords, remaining, serverOffset } from "../../web/static/js/lib/clock.js";

test("the server's clock is compared with the middle of the request", () => {
  assert.equal(serverOffset(1_000, 990_000, 992_000), 9);
  assert.equal(serverOffset(1_000, 1_000_000, 1_000_000), 0);
});

test("nothing is left of what is over", () => {
  assert.equal(remaining(100, 40), 60);
  assert.equal(remaining(100, 100), 0);
  assert.equal(remaining(100, 140), 0);
});

test("a fraction runs from one to zero and not beyond", () => {
  assert.equal(fractionLeft(0, 100, -20), 1);
  assert.equal(fractionLeft(0, 100, 25), 0.75);
  assert.equal(fractionLeft(0, 100, 300), 0);
  assert.equal(fractionLeft(100, 100, 50), 0);
});

test("spans are said in Indonesian, by their two largest units", () => {
  const words = {
    0: "0 detik",
    0.9: "0 detik",
    12: "12 detik",
    60: "1 menit",
    245: "4 menit 5 detik",
    3_600: "1 jam",
    71_999: "19 jam 59 menit",
    86_400: "1 hari",
    2_592_000: "30 hari",
    90_061: "1 hari 1 jam",
  };
  for (const [seconds, text] of Object.entries(words)) assert.equal(inWords(Number(seconds)), text);
  assert.equal(inWords(-5), "0 detik");
});

test("a countdown shows zero only when it is over", () => {
  assert.equal(asCountdown(299.2), "5:00");
  assert.equal(asCountdown(0.2), "0:01");
  assert.equal(asCountdown(0), "0:00");
  assert.equal(asCountdown(-3), "0:00");
  assert.equal(asCountdown(71_943), "19:59:03");
  assert.equal(asCountdown(3_600), "1:00:00");
});
