import assert from "node:assert/strict";
import test from "node:test";

import { groupsOf, writeWords } from "../../web/static/js/operator/hotspot_plan_words.js";
import { runWords, troublesOf, troubleWords } from "../../web/static/js/operator/hotspot_run_words.js";
import { expiryWords, obstacleWords, packageWords, quotaWords, routerWord, sharesOf, spanWords, statusOf, turnWords, usedShare } from "../../web/static/js/operator/hotspot_words.js";
import { megabytes, sizeOf } from "../../web/static/js/lib/sizes.js";

const ROW = {
  id: "1",
  name: "Siti",
  account: "active",
  leaving: false,
  phone: "6281",
  status: "aktif",
  pending: false,
  approved: true,
  package: "Harian",
  unlimited: false,
  purchased_bytes: 100 << 20,
  used_bytes: 82 << 20,
  expires_at: 1_000_000,
  devices: [],
};

const RUN = {
  id: "r",
  router: "utara",
  only: "",
  state: "done",
  at: 0,
  took_ms: 42,
  members: 3,
  prints: 5,
  writes: 0,
  pending: 0,
  errors: [],
  conflicts: {},
};

test("sizes are in MB below a gigabyte, with a comma above", () => {
  assert.equal(sizeOf((700 << 20) + 1), "700 MB");
  assert.equal(megabytes(1024), "1 GB");
  assert.equal(megabytes(1331), "1,3 GB");
  assert.equal(sizeOf(0), "0 MB");
});

test("a package is a sentence", () => {
  const terms = { quota_mb: 10_240, days: 30, unlimited: false, fup_percent: 85 };
  assert.equal(packageWords(terms, 85), "10 GB, 30 hari, pelan setelah 85 %");
  assert.equal(packageWords({ ...terms, fup_percent: null }, 70), "10 GB, 30 hari, pelan setelah 70 %");
  assert.equal(
    packageWords({ ...terms, fup_percent: null, fup_remaining_mb: 1024 }, 70),
    "10 GB, 30 hari, pelan saat sisa 1 GB",
  );
  assert.equal(packageWords({ ...terms, fup_percent: 100 }, 70), "10 GB, 30 hari, tidak pernah pelan");
  assert.equal(packageWords({ ...terms, unlimited: true, days: 0 }, 85), "Tanpa batas kuota, tanpa batas waktu");
});

test("a row says its status, its quota and what its routers say", () => {
  assert.equal(statusOf(ROW), "Aktif");
  assert.equal(statusOf({ ...ROW, status: "blocked", account: "inactive" }), "Dinonaktifkan");
  assert.equal(statusOf({ ...ROW, status: "inactive", approved: false }), "Menunggu persetujuan");
  assert.equal(statusOf({ ...ROW, leaving: true }), "Sedang dihapus");
  assert.equal(quotaWords(ROW), "82 MB dari 100 MB");
  assert.equal(usedShare(ROW), 0.82);
  assert.equal(usedShare({ ...ROW, used_bytes: 1e12 }), 1);
  assert.equal(usedShare({ ...ROW, unlimited: true }), 0);
  assert.equal(routerWord(ROW), "sesuai");
  assert.equal(routerWord({ ...ROW, pending: true }), "menunggu router");
  assert.equal(routerWord({ ...ROW, pending: true, pending_on: ["utara"] }), "menunggu router: utara");
  const seen = { router: "utara", kind: "binding", whose: "TV Pak RT", where: "AA:01", mark: "m", decision: "" };
  assert.equal(routerWord({ ...ROW, pending: true, obstacles: [seen] }), "bentrok di router: utara");
  assert.equal(obstacleWords(seen), "utara: Binding AA:01 milik orang lain: “TV Pak RT”.");
  assert.equal(obstacleWords({ ...seen, whose: "", decision: "leave" }), "utara: Binding AA:01 milik orang lain, tanpa keterangan. Dibiarkan.");
  assert.equal(obstacleWords({ ...seen, kind: "refused", whose: "no", mark: "" }), "utara: Router menolak: “no”.");
});

test("an end is told in the unit that matters", () => {
  assert.equal(expiryWords(ROW, 1_000_000 - 86_400 * 2.5), "3 hari lagi");
  assert.equal(expiryWords(ROW, 1_000_000 - 7_200), "berakhir 2 jam lagi");
  assert.equal(expiryWords(ROW, 1_000_000 + 86_400 * 3), "berakhir 3 hari lalu");
  assert.equal(expiryWords({ ...ROW, expires_at: null }, 0), "tanpa batas waktu");
  assert.equal(spanWords(59), "59 detik");
  assert.equal(spanWords(3_600), "1 jam");
});

test("steps are grouped by router and reason, the most frequent first", () => {
  const step = { member: "1", name: "Siti", what: "/ip/hotspot/user add" };
  const groups = groupsOf([
    { ...step, reason: "no_user", why: "aktif: no user yet", router: "utara" },
    { ...step, reason: "user_profile", why: "fup: profile a → b", router: "utara" },
    { ...step, reason: "user_profile", why: "aktif: profile b → a", router: "utara" },
    { ...step, reason: "logged_in", why: "blocked: is logged in", router: "selatan" },
    { ...step, reason: "something_new", why: "aktif: something new" },
  ]);
  assert.deepEqual(
    groups.map(({ router, reason, count }) => [router, reason, count]),
    [
      ["", "something_new", 1],
      ["selatan", "Masih masuk, harus keluar dulu", 1],
      ["utara", "Profil kecepatannya berubah", 2],
      ["utara", "Belum ada akunnya di router", 1],
    ],
  );
});

test("of a large plan the router's own counts hold", () => {
  const step = { member: "1", name: "Siti", what: "/ip/hotspot/user add", router: "utara" };
  const reasons = { no_user: 320, logged_in: 500 };
  const groups = groupsOf([{ ...step, reason: "no_user", why: "aktif: no user yet" }], { utara: { writes: 820, reasons }, selatan: { error: "x" } });
  assert.deepEqual(
    groups.map(({ reason, count, steps }) => [reason, count, steps.length]),
    [
      ["Masih masuk, harus keluar dulu", 500, 0],
      ["Belum ada akunnya di router", 320, 1],
    ],
  );
});

test("a write is said by what it does", () => {
  assert.equal(writeWords("/ip/hotspot/user add"), "akun ditambah");
  assert.equal(writeWords("/ip/hotspot/ip-binding set"), "perangkat diubah");
  assert.equal(writeWords("/ip/other enable"), "/ip/other enable");
});

test("shares are in the order of the bar, and only of those with anybody in them", () => {
  assert.deepEqual(
    sharesOf({ fup: 2, aktif: 1, habis: 0 }).map(({ status, count }) => [status, count]),
    [
      ["aktif", 1],
      ["fup", 2],
    ],
  );
});

test("troubles are said in words, unknown ones as they came", () => {
  assert.equal(troubleWords("profiles missing on the router: a, b"), "Profil ini belum ada di router: a, b.");
  for (const [error, words] of [
    ["not reached: timed out", "Router tidak menjawab tepat waktu."],
    ["print: the router fell silent", "Router tidak menjawab tepat waktu."],
    ["not reached: Connection refused", "Router menolak sambungan. Apakah layanan API-nya hidup?"],
    ["not reached: No route to host", "Router tidak terjangkau."],
    ["TLS: its certificate has expired", "Sertifikat router sudah kedaluwarsa."],
    ["TLS: its certificate is for another name", "Sertifikat router bukan untuk alamat ini."],
    ["TLS: its certificate is not trusted: self-signed", "Sertifikat router tidak dipercaya. Periksa MIKROTIK_CA."],
    ["TLS: no TLS is spoken there", "Port itu tidak memakai TLS. Pakai api://, atau hidupkan api-ssl."],
    [
      "login: the router ended it: too many sessions",
      "Router menolak: sesinya penuh. Tutup sesi API yang tidak dipakai.",
    ],
    ["login: TLS is spoken there", "Port itu untuk TLS. Pakai api-ssl://."],
    ["TLS: the handshake failed: X", "TLS dengan router gagal: the handshake failed: X"],
  ]) {
    assert.equal(troubleWords(error ?? ""), words);
  }
  assert.equal(troubleWords("x /ip: failure"), "Pesan router: x /ip: failure");
  assert.equal(troubleWords("0123456789abcdef /ip/x: odd"), "Satu perubahan ditolak router (/ip/x): odd");
  const run = { ...RUN, errors: ["not reached: A", "not reached: B"], conflicts: { 1: "taken" }, conflict_count: 1 };
  assert.deepEqual(troublesOf(run), [
    "Router tidak terjangkau.",
    "1 anggota bentrok dengan isi router milik orang lain.",
  ]);
});

test("a run is one line", () => {
  assert.equal(runWords(RUN), "sudah sesuai (42 ms)");
  assert.equal(runWords({ ...RUN, writes: 12, pending: 2, took_ms: 1_540 }), "12 perubahan, 2 masih menunggu (1,5 detik)");
  assert.equal(runWords({ ...RUN, state: "away" }), "Router tidak terjangkau");
});

test("a package in the order of use says when it is its turn, and until when", () => {
  const moment = (/** @type {number} */ at) => `hari ${at}`;
  const turn = {
    id: "1",
    package: "Harian",
    state: "in_use",
    unlimited: false,
    remaining_bytes: 18 << 20,
    begins_at: null,
    expires_at: 7,
  };
  assert.equal(turnWords(turn, moment), "Dipakai sekarang · sisa 18 MB · sampai hari 7");
  assert.equal(turnWords({ ...turn, state: "next" }, moment), "Dipakai berikutnya · sisa 18 MB · sampai hari 7");
  const late = { ...turn, state: "next", begins_at: 3, expires_at: null };
  assert.equal(turnWords(late, moment), "Dipakai mulai hari 3 · sisa 18 MB · tanpa batas waktu");
  assert.equal(turnWords({ ...turn, state: "spent" }, moment), "Kuota habis · sampai hari 7");
  assert.equal(
    turnWords({ ...turn, unlimited: true, expires_at: null }, moment),
    "Dipakai sekarang · tanpa batas kuota · tanpa batas waktu",
  );
  assert.match(turnWords({ ...turn, state: "unused" }, moment), /^Tidak terpakai: yang tanpa batas lebih dulu/);
});
