import assert from "node:assert/strict";
import { test } from "node:test";
import { MeetingDay, clockOf, folded, withZone } from "../../web/static/js/attendance/meeting_day.js";

const DAY = "2026-11-21";

function row(student, changes = {}) {
  return {
    id: `a-${student}`,
    student_id: student,
    student_name: `Siswa ${student}`,
    class: "10A",
    status: "HADIR",
    recorded_at: "2026-11-21T07:03:12.000+07:00",
    day: DAY,
    changed_at: 100,
    flags: [],
    ...changes,
  };
}

function loaded(attendances = [], missing = []) {
  const day = new MeetingDay();
  const meeting = { students: attendances.length + missing.length };
  day.load({ day: DAY, attendances, missing, refused: [], meeting });
  return day;
}

test("a new row counts once, however often it is told", () => {
  const day = loaded();
  assert.equal(day.apply({ new_attendances: [row("1"), row("1")] }).length, 1);
  assert.equal(day.apply({ new_attendances: [row("1")] }).length, 0);
  assert.deepEqual(day.counts, { total: 1, HADIR: 1, TERLAMBAT: 0, IZIN: 0, TIDAK_HADIR: 0 });
});

test("the later change wins, in whatever order they arrive", () => {
  const day = loaded([row("1", { status: "IZIN", changed_at: 300 })]);
  day.apply({ new_attendances: [row("1")], updated_attendances: [row("1", { changed_at: 200 })] });
  assert.equal(day.rows[0].status, "IZIN");
});

test("who fills in is missing no more, and is again when it is taken back", () => {
  const day = loaded([], [{ name: "Siswa 1", class: "10A" }, { name: "Siswa 2", class: "10A" }]);
  day.apply({ new_attendances: [row("1")] });
  assert.deepEqual(day.missing, [{ name: "Siswa 2", class: "10A" }]);
  day.apply({ updated_attendances: [{ id: "a-1", student_id: "1", day: DAY, revoked: true }] });
  assert.equal(day.counts.total, 0);
  assert.equal(day.missing.length, 2);
});

test("an older attendance that is taken back leaves the newer alone", () => {
  const day = loaded([row("1", { id: "newer" })]);
  day.apply({ updated_attendances: [{ id: "older", student_id: "1", day: DAY, revoked: true }] });
  assert.equal(day.counts.total, 1);
});

test("another day's row is not this day's", () => {
  const day = loaded();
  day.apply({ new_attendances: [row("1", { day: "2026-11-20" })] });
  assert.equal(day.counts.total, 0);
});

test("a row of the next day says that this one is over", () => {
  const day = loaded();
  assert.equal(day.isOver({ new_attendances: [row("1", { day: "2026-11-20" }), row("2")] }), false);
  assert.equal(day.isOver({ new_attendances: [row("1", { day: "2026-11-22" })] }), true);
  assert.equal(day.isOver({}), false);
});

test("rows come newest first, refusals too, a hundred of these at most", () => {
  const day = loaded([row("1"), row("2", { recorded_at: "2026-11-21T07:04:00.000+07:00" })]);
  assert.deepEqual(day.rows.map((one) => one.student_id), ["2", "1"]);
  const refusals = Array.from({ length: 150 }, (_, number) => ({ name: String(number) }));
  day.apply({ refused_attempts: refusals });
  assert.equal(day.refused.length, 100);
  assert.equal(day.refused[0].name, "149");
});

test("a time is shown as the meeting's clocks do", () => {
  assert.equal(clockOf("2026-11-21T07:03:12.345+07:00"), "07.03.12");
});

test("a typed time gets its zone's offset", () => {
  assert.equal(withZone("2026-11-21T07:00", "Asia/Jakarta"), "2026-11-21T07:00:00+07:00");
  assert.equal(withZone("2026-11-21T07:00", "Asia/Makassar"), "2026-11-21T07:00:00+08:00");
  assert.equal(withZone("2026-11-21T07:00", "Asia/Jayapura"), "2026-11-21T07:00:00+09:00");
  assert.equal(withZone("2026-07-01T07:00", "Europe/Berlin"), "2026-07-01T07:00:00+02:00");
  assert.equal(withZone("2026-10-25T00:30", "Europe/Berlin"), "2026-10-25T00:30:00+02:00");
  assert.equal(withZone("2026-10-25T03:30", "Europe/Berlin"), "2026-10-25T03:30:00+01:00");
  assert.equal(withZone("2026-11-21T07:00", "Asia/Kolkata"), "2026-11-21T07:00:00+05:30");
  assert.equal(withZone("2026-11-21T07:00", "America/St_Johns"), "2026-11-21T07:00:00-03:30");
});

test("a name is found in any spelling", () => {
  for (const typed of ["Ma\u2019ruf Al\u2011Amin", "MA`RUF\u00a0 al\u2013amin", " ma\u00b4ruf al-amin "]) {
    assert.equal(folded(typed), "ma'ruf al-amin");
  }
});
