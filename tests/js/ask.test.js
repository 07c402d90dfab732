import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { ask, retryAfterSeconds, Unreachable } from "../../web/static/js/lib/ask.js";

/** A server on a free loopback port; `answer` gets the request's body as text. */
async function serve(context, answer) {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => answer(request, response, body));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => server.closeAllConnections() ?? server.close());
  return `http://127.0.0.1:${server.address().port}`;
}

test("an answer has its status, its JSON and its Retry-After", async (context) => {
  const site = await serve(context, (request, response) => {
    response.writeHead(429, { "Retry-After": "42" });
    response.end('{"type":"RATE_LIMIT"}');
  });
  const answer = await ask(`${site}/x`);
  assert.deepEqual(answer, { status: 429, ok: false, body: { type: "RATE_LIMIT" }, retryAfter: 42 });
});

test("JSON and forms are sent as what they are, by POST", async (context) => {
  const seen = [];
  const site = await serve(context, (request, response, body) => {
    seen.push([request.method, request.headers["content-type"], body]);
    response.end("{}");
  });
  await ask(site, { json: { a: 1 } });
  await ask(site, { form: { username: "budi & ani", password: "ü" } });
  await ask(site);
  assert.deepEqual(seen, [
    ["POST", "application/json", '{"a":1}'],
    ["POST", "application/x-www-form-urlencoded;charset=UTF-8", "username=budi+%26+ani&password=%C3%BC"],
    ["GET", undefined, ""],
  ]);
});

test("a bearer speaks for a page without cookies, and is sent by no other", async (context) => {
  const seen = [];
  const site = await serve(context, (request, response) => {
    seen.push(request.headers.authorization);
    response.end("{}");
  });
  await ask(site, { bearer: "m.s.x" });
  await ask(site, { json: {}, bearer: "m.s.x" });
  await ask(site);
  assert.deepEqual(seen, ["Bearer m.s.x", "Bearer m.s.x", undefined]);
});

test("what is no JSON is an empty answer", async (context) => {
  const site = await serve(context, (_request, response) => response.end("<html>"));
  assert.deepEqual((await ask(site)).body, {});
});

test("a server that is away or silent is Unreachable, in time", async (context) => {
  const site = await serve(context, () => {});
  await assert.rejects(ask(site, { deadlineMs: 50 }), Unreachable);
  await assert.rejects(ask("http://127.0.0.1:1/"), Unreachable);
});

test("Retry-After is taken in seconds only", () => {
  assert.equal(retryAfterSeconds("2"), 2);
  assert.equal(retryAfterSeconds("1.5"), 2);
  assert.equal(retryAfterSeconds(null), null);
  assert.equal(retryAfterSeconds("Fri, 31 Dec 1999 23:59:59 GMT"), null);
});
