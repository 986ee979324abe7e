import assert from "node:assert/strict";
import { test } from "node:test";
import { generatePassword } from "../src/admin/passwords.js";
import { argumentsOf, EMPTY, PAGE, pageOf, type RecordRow } from "../src/admin/record-query.js";
import { sectionOf } from "../src/admin/sections.js";

test("a generated password has four groups of letters that cannot be mistaken", () => {
  const seen = new Set<string>();
  for (let i = 0; i < 200; i += 1) {
    const password = generatePassword();
    assert.match(password, /^[abcdefghjkmnpqrstuvwxyz23456789]{4}(-[abcdefghjkmnpqrstuvwxyz23456789]{4}){3}$/);
    seen.add(password);
  }
  assert.equal(seen.size, 200);
});

test("octets that would make some letters likelier are thrown away", () => {
  let calls = 0;
  const password = generatePassword((array) => {
    calls += 1;
    return array.fill(calls === 1 ? 255 : 0);
  });
  assert.equal(password, "aaaa-aaaa-aaaa-aaaa");
  assert.equal(calls, 2);
});

test("an empty form asks for messages only, one more than a page", () => {
  const { limit, kind, ...rest } = argumentsOf(EMPTY);
  assert.deepEqual([limit, kind], [PAGE + 1, "message"]);
  assert.deepEqual(Object.values(rest).filter((value) => value !== undefined), []);
});

test("local times are sent with their zone, broken ones not at all", () => {
  const given = argumentsOf({ ...EMPTY, since: "2026-11-23T10:00", until: "soon", from: "  ann@x  ", kind: "" }, "42");
  assert.equal(given["since"], new Date(2026, 10, 23, 10).toISOString());
  assert.deepEqual([given["until"], given["from"], given["kind"], given["before"]], [undefined, "ann@x", undefined, 42]);
});

test("a page keeps the row that only tells that there are more to itself", () => {
  const rows = Array.from({ length: PAGE + 1 }, (_, i) => ({ id: String(i) }) as RecordRow);
  assert.deepEqual([pageOf(rows).rows.length, pageOf(rows).more], [PAGE, true]);
  assert.deepEqual([pageOf(rows.slice(1)).rows.length, pageOf(rows.slice(1)).more], [PAGE, false]);
});

test("unknown sections lead to the overview", () => {
  assert.deepEqual(["#/users", "", "#/no-such", "#record"].map(sectionOf), ["users", "overview", "overview", "record"]);
});
