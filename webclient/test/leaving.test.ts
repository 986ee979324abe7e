import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { leave, leaving, send } from "../src/core/leaving.js";

/** A `fetch` whose answers come when the test says so. */
function held(): { asked: string[]; answer: () => void } {
  const asked: string[] = [];
  const waiting: (() => void)[] = [];
  mock.method(globalThis, "fetch", (url: string) => {
    asked.push(url);
    return new Promise<Response>((resolve) => waiting.push(() => resolve(new Response("{}"))));
  });
  return { asked, answer: () => waiting.splice(0).forEach((give) => give()) };
}

/** Lets promises run; timers stand still. */
async function turn(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
}

test("the session ends after the requests under way, and none begins meanwhile", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const { asked, answer } = held();
    const first = send("/first");
    let gone = false;
    void leave(() => (gone = true));
    await turn();
    assert.equal(leaving.value, true);
    const second = send("/second");
    await turn();
    assert.deepEqual([asked, gone], [["/first"], false]);
    answer();
    await first;
    await turn();
    assert.deepEqual([asked, gone], [["/first"], true]);
    mock.timers.tick(10_000); // the page is still here: its user would not leave
    await turn();
    assert.equal(leaving.value, false);
    assert.deepEqual(asked, ["/first", "/second"]);
    answer();
    assert.equal((await second).status, 200);
  } finally {
    mock.timers.reset();
    mock.restoreAll();
  }
});

test("work comes before, and neither it nor a request that hangs keeps anybody", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    held();
    void send("/hangs");
    let gone = false;
    void leave(() => (gone = true), new Promise(() => undefined));
    await turn();
    assert.deepEqual([leaving.value, gone], [false, false]);
    mock.timers.tick(2_000);
    await turn();
    assert.deepEqual([leaving.value, gone], [true, false]);
    mock.timers.tick(2_000);
    await turn();
    assert.equal(gone, true);
    mock.timers.tick(10_000);
    await turn();
  } finally {
    mock.timers.reset();
    mock.restoreAll();
  }
});
