import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSearch } from "../src/mail/search.js";

const nowhere = { find: () => undefined, leftOut: [] };
const places = { find: (name: string) => (name === "sent" ? "S" : undefined), leftOut: ["T", "J"] };

test("plain words look at the whole message", () => {
  assert.deepEqual(parseSearch("invoice", nowhere), { text: "invoice" });
  assert.deepEqual(parseSearch('"two words"', nowhere), { text: "two words" });
});

test("Junk and Trash are left out unless a place is named", () => {
  assert.deepEqual(parseSearch("x", places), { operator: "AND", conditions: [{ inMailboxOtherThan: ["T", "J"] }, { text: "x" }] });
  assert.deepEqual(parseSearch("in:sent x", places), { operator: "AND", conditions: [{ inMailbox: "S" }, { text: "x" }] });
  assert.deepEqual(parseSearch("in:anywhere x", places), { text: "x" });
});

test("operators become conditions of their own", () => {
  assert.deepEqual(parseSearch('from:eve subject:"q 3" has:attachment is:unread larger:5M', nowhere), {
    operator: "AND",
    conditions: [{ from: "eve" }, { subject: "q 3" }, { hasAttachment: true }, { notKeyword: "$seen" }, { minSize: 5_000_000 }],
  });
});

test("what only looks like an operator is searched for", () => {
  assert.deepEqual(parseSearch("http://x.test", nowhere), { text: "http://x.test" });
  assert.deepEqual(parseSearch("is:purple", nowhere), { text: "is:purple" });
  assert.deepEqual(parseSearch("before:tomorrow", nowhere), { text: "before:tomorrow" });
});

test("minus and OR", () => {
  assert.deepEqual(parseSearch("a OR b -c", nowhere), {
    operator: "OR",
    conditions: [{ text: "a" }, { operator: "AND", conditions: [{ text: "b" }, { operator: "NOT", conditions: [{ text: "c" }] }] }],
  });
});
