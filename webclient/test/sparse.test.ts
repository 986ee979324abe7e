import assert from "node:assert/strict";
import { test } from "node:test";
import { SparseList } from "../src/mail/sparse.js";

function changes(removed: string[], added: [string, number][], total?: number) {
  const base = { oldQueryState: "1", newQueryState: "2", removed, added: added.map(([id, index]) => ({ id, index })) };
  return total === undefined ? base : { ...base, total };
}

function list(total: number, position: number, ids: string[]): SparseList {
  const made = new SparseList();
  made.resize(total);
  made.put(position, ids);
  return made;
}

test("holes are found inside the window only", () => {
  const ids = list(100, 10, ["a", "b", "c"]);
  assert.deepEqual(ids.gap(5, 20), { position: 5, length: 5 });
  assert.equal(ids.gap(10, 12), null);
  assert.deepEqual(ids.gap(11, 99), { position: 13, length: 87 });
  assert.deepEqual(ids.gap(98, 300), { position: 98, length: 2 });
});

test("an id stands at one place only", () => {
  const ids = list(10, 0, ["a", "b"]);
  ids.put(5, ["a"]);
  assert.equal(ids.at(0), undefined);
  assert.equal(ids.indexOf("a"), 5);
});

test("new mail at the top moves the rest down (RFC 8620 §5.6)", () => {
  const ids = list(100, 0, ["a", "b"]);
  assert.equal(ids.apply(changes([], [["n", 0]], 101)), true);
  assert.deepEqual([ids.at(0), ids.at(1), ids.at(2), ids.total], ["n", "a", "b", 101]);
});

test("a removal of unknown place asks for a new query", () => {
  const ids = list(100, 0, ["a", "b"]);
  assert.equal(ids.apply(changes(["zz"], [], 99)), false);
});

test("a change elsewhere leaves the list as it is", () => {
  const ids = list(100, 0, ["a", "b"]);
  assert.equal(ids.apply(changes(["elsewhere"], [], 100)), true);
  assert.deepEqual([ids.at(0), ids.total], ["a", 100]);
});

test("a message changed in a hole stays where it is", () => {
  const ids = list(100, 0, ["a", "b"]);
  assert.equal(ids.apply(changes(["far"], [["far", 60]], 100)), true);
  assert.deepEqual([ids.at(60), ids.at(1), ids.total], ["far", "b", 100]);
});

test("a message that came from elsewhere is inserted", () => {
  const ids = list(100, 0, ["a", "b"]);
  assert.equal(ids.apply(changes(["moved"], [["moved", 1]], 101)), true);
  assert.deepEqual([ids.at(0), ids.at(1), ids.at(2), ids.total], ["a", "moved", "b", 101]);
});

test("one come and one changed at once, both unknown: only asking helps", () => {
  const ids = list(100, 0, ["a", "b"]);
  assert.equal(ids.apply(changes(["x", "y"], [["x", 50], ["y", 60]], 101)), false);
});

test("without a total nothing is guessed", () => {
  assert.equal(list(100, 0, ["a"]).apply(changes(["zz"], [])), false);
  assert.equal(list(1, 0, ["a"]).apply(changes(["zz"], [])), true);
});

test("what was taken out here already is not unknown", () => {
  const ids = list(100, 0, ["a", "b"]);
  ids.remove("a");
  assert.equal(ids.apply(changes(["a"], [], 99), new Set(["a"])), true);
  assert.equal(ids.at(0), "b");
});

test("a total that does not fit asks for a new query", () => {
  const ids = list(2, 0, ["a", "b"]);
  assert.equal(ids.apply(changes(["a"], [], 5)), false);
});

test("an id that moved is removed and added (RFC 8620 §5.6)", () => {
  const ids = list(3, 0, ["a", "b", "c"]);
  assert.equal(ids.apply(changes(["c"], [["c", 0]], 3)), true);
  assert.deepEqual(ids.all(), ["c", "a", "b"]);
});

test("cutting the end forgets the ids there", () => {
  const ids = list(3, 0, ["a", "b", "c"]);
  ids.resize(1);
  assert.equal(ids.has("c"), false);
  assert.equal(ids.total, 1);
});
