import assert from "node:assert/strict";
import { test } from "node:test";
import { base64, octetsOf } from "../src/admin/filter-model.js";
import { generatePassword } from "../src/admin/passwords.js";
import { isDue, listArguments as queueArguments, recipientsText } from "../src/admin/queue-model.js";
import { argumentsOf, EMPTY, PAGE, pageOf, type RecordRow } from "../src/admin/record-query.js";
import { sectionHref, sectionOf, thingOf } from "../src/admin/sections.js";
import { EMPTY as NO_TRACE, listArguments, moodOf, WHAT } from "../src/admin/trace-model.js";

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

test("an address may name a thing of its section, whatever stands in its name", () => {
  const name = "a/b#c %7E\u00fc?<&>@x";
  assert.deepEqual([sectionOf(sectionHref("trace", name)), thingOf(sectionHref("trace", name))], ["trace", name]);
  assert.deepEqual(["#/trace", "#/trace/", "", "#/trace/%", "#/trace/17"].map(thingOf), ["", "", "", "", "17"]);
});

test("the queue asks for one row more than it shows, and never for more than there may be", () => {
  assert.deepEqual(queueArguments(100, false), { limit: 101, held: undefined });
  assert.deepEqual(queueArguments(1000, true), { limit: 1000, held: true });
});

test("many recipients are named by the first and counted", () => {
  const more = (names: string, n: number): string => `${names} + ${n}`;
  assert.equal(recipientsText({ to: ["a@x", "b@x"], recipients: 2 }, more), "a@x, b@x");
  assert.equal(recipientsText({ to: ["a@x", "b@x"], recipients: 5 }, more), "a@x, b@x + 3");
  assert.equal(recipientsText({ to: [], recipients: 0 }, more), "");
});

test("what was let go is due, its time being long ago", () => {
  assert.deepEqual(["1970-01-01T00:00:00Z", "2026-11-23T10:00:00Z"].map((iso) => isDue(iso, Date.UTC(2026, 10, 23, 9))), [true, false]);
});

test("an empty search lists all mails; times go with their zone", () => {
  const { limit, ...rest } = listArguments(NO_TRACE);
  assert.equal(limit, 51);
  assert.deepEqual(Object.values(rest).filter((value) => value !== undefined), []);
  const given = listArguments({ ...NO_TRACE, mail: "17", from: " a@x ", since: "2026-11-23T10:00", until: "soon" }, 9);
  assert.deepEqual([given["from"], given["to"], given["until"], given["before"]], ["a@x", undefined, undefined, 9]);
  assert.equal(given["since"], new Date(2026, 10, 23, 10).toISOString());
  assert.ok(!("mail" in given));
});

test("every line has a mood, unknown ones a plain one", () => {
  assert.deepEqual(new Set(WHAT.map(moodOf)), new Set(["plain", "good", "warn", "bad"]));
  assert.equal(moodOf("something new"), "plain");
});

test("mails of any octets pass as base64, pasted ones with the line ends of mail", () => {
  const octets = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7) % 256);
  assert.deepEqual(new Uint8Array(Buffer.from(base64(octets), "base64")), octets);
  assert.equal(base64(new Uint8Array()), "");
  assert.equal(new TextDecoder().decode(octetsOf("A: \u00e4\n\r\nb\r\n")), "A: \u00e4\r\n\r\nb\r\n");
});
