import assert from "node:assert/strict";
import { test } from "node:test";
import { hrefOf, parseRoute } from "../src/core/router.js";

test("a route survives the way through the address bar", () => {
  for (const hash of ["#/mail/inbox", "#/mail/a%2Fb/M1", "#/search/from%3Aeve", "#/chat/bob%40example.test", "#/settings/multipop", "#/contacts"]) {
    assert.equal(hrefOf(parseRoute(hash)), hash);
  }
});

test("what is not a route leads to the inbox", () => {
  for (const hash of ["", "#", "#/nonsense", "#/mail/%E0%A4%A", "#/search"]) {
    assert.deepEqual(parseRoute(hash), parseRoute("#/mail/inbox"));
  }
});

test("the short form of the chat page is understood", () => {
  assert.equal(parseRoute("#chat").page, "chat");
});
