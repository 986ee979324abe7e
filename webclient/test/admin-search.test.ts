/** Searching page by page: late answers, failures, older pages of what was asked. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Search, type Page } from "../src/admin/search.js";

interface Form {
  readonly text: string;
}

/** A search whose answers the test gives, in the order it likes. */
function asked(): { search: Search<Form, number>; calls: { form: Form; behind: number | undefined; answer: (page: Page<number>) => void; fail: (error: Error) => void }[] } {
  const calls: ReturnType<typeof asked>["calls"] = [];
  const search = new Search<Form, number>({ text: "" }, (form, behind) => new Promise((answer, fail) => calls.push({ form, behind, answer, fail })));
  return { search, calls };
}

test("older pages are of what was asked, whatever the form says by now", async () => {
  const { search, calls } = asked();
  search.change({ text: "lunch" });
  const first = search.run();
  assert.equal(search.busy.value, true);
  calls[0]?.answer({ rows: [9, 8], more: true });
  await first;
  assert.deepEqual([search.rows.value, search.more.value, search.busy.value], [[9, 8], true, false]);
  search.change({ text: "something else" });
  const second = search.older();
  assert.deepEqual([calls[1]?.form, calls[1]?.behind], [{ text: "lunch" }, 8]);
  calls[1]?.answer({ rows: [7], more: false });
  await second;
  assert.deepEqual([search.rows.value, search.more.value], [[9, 8, 7], false]);
});

test("an answer that comes too late changes nothing", async () => {
  const { search, calls } = asked();
  const slow = search.run();
  const fast = search.run();
  calls[1]?.answer({ rows: [2], more: false });
  await fast;
  calls[0]?.answer({ rows: [1], more: true });
  await slow;
  assert.deepEqual([search.rows.value, search.more.value, search.busy.value], [[2], false, false]);
});

test("a failure is said, and gone with the next answer", async () => {
  const { search, calls } = asked();
  const failing = search.run();
  calls[0]?.fail(new Error("broken"));
  await failing;
  assert.notEqual(search.failure.value, null);
  assert.equal(search.busy.value, false);
  const again = search.run();
  calls[1]?.answer({ rows: [], more: false });
  await again;
  assert.deepEqual([search.failure.value, search.rows.value], [null, []]);
});

test("clearing empties the form and keeps what was found", async () => {
  const { search, calls } = asked();
  search.change({ text: "lunch" });
  const first = search.run();
  calls[0]?.answer({ rows: [9], more: false });
  await first;
  search.clear();
  assert.deepEqual([search.form.value, search.rows.value], [{ text: "" }, [9]]);
});
