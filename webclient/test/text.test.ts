import assert from "node:assert/strict";
import { test } from "node:test";
import { blocksOf, isFolded, piecesOf } from "../src/mail/text.js";

test("quoted lines are grouped by depth (RFC 3676 §4.5)", () => {
  const body = "Hello\r\n> one\r\n> two\r\n>> deep\r\n\r\nBye";
  assert.deepEqual(blocksOf(body), [
    { depth: 0, text: "Hello" },
    { depth: 1, text: "one\ntwo" },
    { depth: 2, text: "deep" },
    { depth: 0, text: "\nBye" },
  ]);
});

test("only long quotations are folded", () => {
  assert.equal(isFolded({ depth: 1, text: "a\nb" }), false);
  assert.equal(isFolded({ depth: 1, text: "a\nb\nc\nd" }), true);
  assert.equal(isFolded({ depth: 0, text: "a\nb\nc\nd" }), false);
});

test("links end before the punctuation of the sentence", () => {
  const links = (text: string) => piecesOf(text).filter((piece) => piece.href).map((piece) => piece.href);
  assert.deepEqual(links("see https://example.test/a?b=c. Thanks"), ["https://example.test/a?b=c"]);
  assert.deepEqual(links("(https://example.test/x_(y))"), ["https://example.test/x_(y)"]);
  assert.deepEqual(links("www.example.test, or bob@example.test!"), ["https://www.example.test", "mailto:bob@example.test"]);
});

test("nothing but web, mail and chat addresses becomes a link", () => {
  for (const text of ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd"]) {
    assert.deepEqual(piecesOf(text), [{ text }]);
  }
});

test("the pieces joined are the text again", () => {
  const text = "a https://x.test/1, b <c@d.test> www.e.test) \n end";
  assert.equal(piecesOf(text).map((piece) => piece.text).join(""), text);
});

test("a megabyte of hostile text is cut in reasonable time", () => {
  const started = Date.now();
  piecesOf("a@".repeat(200_000));
  piecesOf("a".repeat(1_000_000));
  piecesOf(`x@${"a".repeat(500_000)}${"a.".repeat(250_000)}`);
  piecesOf(`https://${")".repeat(500_000)}${".,".repeat(250_000)}`);
  assert.ok(Date.now() - started < 4_000);
});
