import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_HEIGHT, scrollFor, spacerHeight, windowOf } from "../src/ui/virtual.js";

test("the window covers the screen and the overscan", () => {
  assert.deepEqual(windowOf(0, 700, 70, 100_000, 5), { first: 0, last: 15, shift: 0 });
  assert.deepEqual(windowOf(7_000, 700, 70, 100_000, 5), { first: 95, last: 115, shift: 0 });
});

test("the last row is reached at the end of the scroll bar, stretched or not", () => {
  for (const total of [10, 100_000, 1_000_000]) {
    const height = spacerHeight(total, 70);
    assert.ok(height <= MAX_HEIGHT);
    assert.equal(windowOf(Math.max(0, height - 700), 700, 70, total, 5).last, total - 1);
  }
});

test("stretched rows are moved to where the scroll bar stands", () => {
  const { first, shift } = windowOf(6_000_000, 700, 70, 1_000_000, 0);
  const drawn = first * 70 + shift;
  assert.ok(Math.abs(drawn - 6_000_000) <= 70);
});

test("a row is scrolled to only when it is not wholly visible", () => {
  assert.equal(scrollFor(3, 0, 700, 70, 1000), null);
  assert.equal(scrollFor(10, 0, 700, 70, 1000), 70);
  assert.equal(scrollFor(0, 100, 700, 70, 1000), 0);
});
