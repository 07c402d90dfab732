import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeStream, settle } from "./fakes.js";
import { Page, run, stopClocks } from "./page.js";

const LIST = "GET /api/admin/meetings/m1/attendance";
const DAY = "2026-11-30";

function row(number, more = {}) {
  return {
    ...{ id: `a${number}`, student_id: `s${number}`, student_name: `Siswa ${number}`, class: "10A" },
    ...{ status: "HADIR", recorded_at: `${DAY}T07:0${number}:00+07:00`, day: DAY, source: "device" },
    ...{ reason: "", device: "abc1", flags: [], changed_at: number, ...more },
  };
}

function snapshot(more = {}) {
  const missing = [{ id: "s9", name: "Joko", class: "10B" }];
  const meeting = { id: "m1", title: "Matematika", is_active: true, rotating: false, students: 3 };
  return { json: { day: DAY, attendances: [row(1), row(2)], missing, refused: [], meeting, ...more } };
}

/** The page of meeting m1, with its list loaded. */
async function opened(context, template, script, answers = {}) {
  stopClocks(context);
  const page = new Page("/admin/meetings/m1").show(template);
  for (const id of ["#meeting", "#board"]) page.one(id)?.setAttribute("data-meeting", "m1");
  page.answers = { [LIST]: snapshot(), [`${LIST}?day=${DAY}`]: snapshot(), ...answers };
  await run(script);
  FakeStream.last.receive("connected", {});
  await later();
  return page;
}

async function later() {
  for (let turn = 0; turn < 4; turn += 1) await settle();
}

const names = (page) => page.one("#rows").children.map((one) => one.textContent.replace(/\s+/g, " "));

test("the board shows who came, the newest first, and who is missing", async (context) => {
  const page = await opened(context, "board.html", "attendance/board.js");
  assert.equal(page.text("#count"), "2");
  assert.equal(page.text("#count-of"), "dari 3");
  assert.deepEqual(names(page).map((text) => text.slice(8, 15)), ["Siswa 2", "Siswa 1"]);
  assert.match(page.text("#missing"), /Joko · 10B/);
  assert.equal(page.one("#board").dataset.state, "live");
});

test("a burst is drawn once, and what is new is marked", async (context) => {
  const page = await opened(context, "board.html", "attendance/board.js");
  FakeStream.last.receive("message", { changes: { new_attendances: [row(3)] } });
  FakeStream.last.receive("message", { changes: { new_attendances: [row(4)] } });
  assert.equal(page.text("#count"), "2");
  context.mock.timers.tick(16);
  assert.equal(page.text("#count"), "4");
  assert.deepEqual(page.one("#rows").children.map((one) => one.classList.contains("is-new")), [true, false, false, false]);
});

test("an attempt that was refused is shown with why, and blocks nobody", async (context) => {
  const page = await opened(context, "board.html", "attendance/board.js");
  const refusal = { type: "DEVICE_DUPLICATE", name: "Tono", class: "10A", device: "abc1", winner: "Siswa 1", flags: ["alike"] };
  FakeStream.last.receive("message", { changes: { refused_attempts: [{ ...refusal, at: `${DAY}T07:09:00+07:00` }] } });
  context.mock.timers.tick(16);
  assert.match(page.text("#refused"), /Tono \(10A\)Perangkat sudah dipakai oleh Siswa 1 · perangkat abc1 · mirip/);
});

test("a board without its session shows no code, and stops", async (context) => {
  const page = await opened(context, "board.html", "attendance/board.js");
  FakeStream.last.receive("force_logout", { reason: "replaced" });
  assert.equal(page.one("#board").dataset.state, "stopped");
  assert.equal(page.text("#line-text"), "Terputus");
  assert.ok(FakeStream.last.closed);
});

test("a deleted meeting turns its board", async (context) => {
  const page = await opened(context, "board.html", "attendance/board.js");
  FakeStream.last.receive("meeting", { deleted: true });
  assert.deepEqual(page.went, ["reload"]);
});

test("the meeting's page lists the day from its beginning, and filters it", async (context) => {
  const page = await opened(context, "meeting.html", "attendance/meeting.js");
  assert.equal(page.one("#rows").children.length, 2);
  assert.match(page.text("#rows"), /Siswa 1.*Siswa 2/s);
  page.one("#search").enter("siswa 2");
  assert.doesNotMatch(page.text("#rows"), /Siswa 1/);
  assert.equal(page.one("#to-csv").search, `flavour=rfc4180&day=${DAY}`);
});

test("several are marked at once", async (context) => {
  const act = "POST /api/admin/meetings/m1/attendance";
  const page = await opened(context, "meeting.html", "attendance/meeting.js", { [act]: { json: {} } });
  for (const box of page.one("#rows").querySelectorAll("input")) {
    box.checked = true;
    box.dispatchEvent(new Event("change"));
  }
  assert.equal(page.text("#bulk-count"), "2 dipilih");
  page.one("#bulk-status").value = "IZIN";
  page.one("#bulk-go").click();
  await later();
  assert.deepEqual(page.bodiesOf(act), [
    { students: [{ name: "Siswa 2", class: "10A" }, { name: "Siswa 1", class: "10A" }], status: "IZIN", day: DAY },
  ]);
  assert.equal(page.one("#bulk").hidden, true);
});

test("a refusal is said above the rows", async (context) => {
  const act = "DELETE /api/admin/attendance/a1";
  const page = await opened(context, "meeting.html", "attendance/meeting.js", {
    [act]: { http: 403, json: { message: "Tidak boleh." } },
  });
  page.one("#rows").children[0].querySelectorAll("button").at(-1).click();
  await later();
  assert.equal(page.text("#rows-message"), "Tidak boleh.");
});

test("a misspelt pupil is shown with what was recorded, and renamed", async (context) => {
  const past = [{ day: DAY, title: "Matematika", status: "IZIN", reason: "sakit perut" }];
  const page = await opened(context, "meeting.html", "attendance/meeting.js", {
    "GET /api/admin/students/s1/attendance": { json: { count: 1, attendances: past } },
    "PATCH /api/admin/students/s1": { json: {} },
  });
  page.one("#rows .row-name").click();
  await later();
  assert.equal(page.one("#history").open, true);
  assert.match(page.text("#history-rows"), /Matematika.*Izin: sakit perut/s);
  page.one("#rename-name").value = "Siswa Satu";
  page.one("#rename").submit();
  await later();
  assert.deepEqual(page.bodiesOf("PATCH /api/admin/students/s1"), [{ name: "Siswa Satu", class: "10A" }]);
  assert.equal(page.one("#history").open, false);
});

test("what the server refuses in the settings is said, and the box goes back", async (context) => {
  const page = await opened(context, "meeting.html", "attendance/meeting.js", {
    "PATCH /api/admin/meetings/m1": { http: 503, json: { message: "Sedang sibuk." } },
  });
  const active = page.one("#active");
  active.checked = true;
  active.dispatchEvent(new Event("change"));
  await later();
  assert.equal(active.checked, false);
  assert.equal(page.text("#form-message"), "Sedang sibuk.");
});
