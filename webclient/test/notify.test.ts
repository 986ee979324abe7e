import assert from "node:assert/strict";
import { test } from "node:test";
import type { EmailSummary } from "../src/jmap/types.js";

// The title of the page is read when the module is loaded.
(globalThis as { document?: unknown }).document ??= { title: "House" };
const { noticesOf } = await import("../src/shell/notify.js");

function mail(id: string, name: string | null, subject: string | null): EmailSummary {
  return { id, from: name === null ? null : [{ name, email: `${id}@x.test` }], to: null, subject, preview: `words of ${id}`, keywords: {} } as unknown as EmailSummary;
}

test("each new mail is told with sender, subject and words", () => {
  const [first, second, ...rest] = noticesOf([mail("a", "Ann", "Lunch"), mail("b", null, null)]);
  assert.deepEqual(rest, []);
  assert.deepEqual([first?.name, first?.address, first?.title, first?.text], ["Ann", "a@x.test", "Lunch", "words of a"]);
  assert.deepEqual([second?.name, second?.title], ["(no sender)", "(no subject)"]);
  assert.notEqual(first?.tag, second?.tag);
});

test("many that come at once are one notice, each sender once", () => {
  const [only, ...rest] = noticesOf([mail("a", "Ann", "1"), mail("b", "Bob", "2"), mail("c", "Ann", "3")]);
  assert.deepEqual(rest, []);
  assert.equal(only?.name, "3 new messages");
  assert.equal(only.text, "Ann, Bob");
  assert.equal(only.email.id, "a");
});

test("nothing is told about nothing", () => {
  assert.deepEqual(noticesOf([]), []);
});
