import assert from "node:assert/strict";
import { test } from "node:test";
import { newUuid } from "../../web/static/js/lib/uuid.js";

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test("a UUID is made where randomUUID is missing", () => {
  const source = { getRandomValues: (bytes) => bytes.fill(255) };
  assert.equal(newUuid(source), "ffffffff-ffff-4fff-bfff-ffffffffffff");
  assert.match(newUuid({ getRandomValues: (b) => crypto.getRandomValues(b) }), UUID_V4);
});
