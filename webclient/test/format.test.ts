import assert from "node:assert/strict";
import { test } from "node:test";
import { fileSize, longDate, relativeTime, shortDate } from "../src/core/format.js";
import { setCatalog, t, tn } from "../src/core/i18n.js";

test("dates in the list are as short as they are clear", () => {
  const now = new Date(2026, 10, 23, 12, 0);
  const at = (...parts: [number, number, number, number, number]): string => new Date(...parts).toISOString();
  assert.match(shortDate(at(2026, 10, 23, 9, 5), now), /9:05/);
  assert.equal(shortDate(at(2026, 10, 21, 9, 5), now), "Sat");
  assert.equal(shortDate(at(2026, 3, 2, 9, 5), now), "Apr 2");
  assert.equal(shortDate(at(2024, 3, 2, 9, 5), now), "Apr 2, 2024");
});

test("a date that cannot be read is empty, not an exception", () => {
  assert.equal(shortDate("yesterday"), "");
  assert.equal(longDate(""), "");
  assert.equal(relativeTime("x"), "");
});

test("sizes", () => {
  assert.equal(fileSize(0), "0 B");
  assert.equal(fileSize(999), "999 B");
  assert.equal(fileSize(1500), "1.5 kB");
  assert.equal(fileSize(48_120), "48 kB");
  assert.equal(fileSize(3_400_000_000_000), "3,400 GB");
});

test("relative times in both directions", () => {
  const now = Date.parse("2026-11-23T12:00:00Z");
  assert.equal(relativeTime("2026-11-23T11:55:00Z", now), "5 minutes ago");
  assert.equal(relativeTime("2026-11-23T14:00:10Z", now), "in 2 hours");
});

test("texts are filled, translated, and English where a translation is missing", () => {
  setCatalog("de", { "Moved to {folder}": "Verschoben nach {folder}", "{n} messages": { one: "{n} Nachricht", other: "{n} Nachrichten" } });
  assert.equal(t("Moved to {folder}", { folder: "X" }), "Verschoben nach X");
  assert.equal(t("Nothing of this", {}), "Nothing of this");
  assert.equal(tn("1 message", "{n} messages", 1), "1 Nachricht");
  assert.equal(tn("1 message", "{n} messages", 12_345), "12.345 Nachrichten");
  setCatalog("en", {});
  assert.equal(tn("1 message", "{n} messages", 1), "1 message");
  assert.equal(t("a {missing} b", {}), "a {missing} b");
});
