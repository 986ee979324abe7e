import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { SAVE_AFTER } from "../src/compose/draft-saver.js";
import { UploadQueue } from "../src/compose/uploads.js";
import { made, pass, server, sets, settled } from "./compose-kit.js";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"] }));
afterEach(() => mock.timers.reset());

for (const folder of ["S", "D"]) test(`a send whose answer is lost is not sent again: the server is asked what became of it (${folder})`, async () => {
  let lost = true;
  const { composer, fake, send, offers, stage } = made(
    server({
      "EmailSubmission/set": () => {
        if (!lost) return { newState: "2", created: { send: { id: "S2", sendAt: "2026-11-23T00:00:00Z" } } };
        lost = false;
        throw new TypeError("Failed to fetch");
      },
      "Email/query": () => ({ ids: ["M2"] }),
      "Email/get": (args) => (args["properties"] as string[]).includes("mailboxIds") ? { state: "2", list: [{ id: "M2", mailboxIds: { [folder]: true }, attachments: [] }], notFound: [] } : { state: "2", list: [{ id: "x", attachments: [] }], notFound: [] },
      "EmailSubmission/query": () => ({ ids: ["S1"] }),
      "EmailSubmission/get": () => ({ list: [{ id: "S1", emailId: "M2", sendAt: "2026-11-23T00:00:00Z", undoStatus: "pending" }] }),
    }),
  );
  composer.set("to", [{ name: "", email: "bob@x.test" }]);
  composer.setSubject("Once");
  await pass(SAVE_AFTER);
  const sending = send();
  await settled();
  assert.deepEqual(offers, []);
  assert.match(composer.failure.value ?? "", /cannot be reached/);
  assert.equal(composer.queued.againAt.value, Date.now() + 3_000);
  await pass(3_000);
  await sending;
  assert.equal(composer.failure.value, null);
  assert.equal(offers.length, 1);
  assert.ok(stage.includes("leave"));
  assert.equal(fake.calls.filter(([name]) => name === "EmailSubmission/set").length, 1);
  assert.equal(composer.draftId, "M2");
  const [, query] = fake.calls.find(([name]) => name === "Email/query")!;
  // A server that does not do both in one piece may have been stopped before it moved the message.
  assert.deepEqual(sets(fake).map((args) => args["update"]).filter(Boolean), folder === "D" ? [{ M2: { mailboxIds: { S: true }, "keywords/$draft": null } }] : []);
  const ids = sets(fake).filter((args) => args["create"]).map((args) => ((args["create"] as Record<string, Record<string, unknown>>)["draft"]!["messageId"] as string[])[0]);
  assert.equal(new Set(ids).size, 1);
  assert.deepEqual((query["filter"] as Record<string, unknown>)["header"], ["Message-ID", ids[0]]);
});

test("a save whose answer is lost makes no second draft", async () => {
  let saves = 0;
  const { composer, fake } = made(
    server({
      "Email/set": (args) => {
        saves += 1;
        if (saves === 1) throw new TypeError("Failed to fetch");
        return { newState: "2", created: { draft: { id: "M9" } }, destroyed: args["destroy"] ?? [] };
      },
      "Email/query": () => ({ ids: ["M1"] }),
      "Email/get": () => ({ state: "2", list: [{ id: "M1", mailboxIds: { D: true }, attachments: [] }], notFound: [] }),
      "EmailSubmission/query": () => ({ ids: [] }),
      "EmailSubmission/get": () => ({ list: [] }),
    }),
  );
  composer.setSubject("Oak");
  await pass(SAVE_AFTER);
  await pass(10_000);
  assert.equal(composer.draftId, "M9");
  assert.deepEqual(sets(fake)[1]!["destroy"], ["M1"]);
});

const unreached = (): never => {
  throw new TypeError("Failed to fetch");
};

test("a message that did not reach the server is sent when it is back; what it says goes by itself", async () => {
  let down = true;
  const base = server({ "Email/query": () => ({ ids: [] }), "EmailSubmission/query": () => ({ ids: [] }) });
  const { composer, fake, send, offers } = made((name, args) => (down ? unreached() : base(name, args)));
  composer.take({ ...composer.letter(), to: [{ name: "", email: "bob@x.test" }], subject: "Late" });
  const sending = send();
  await settled();
  assert.ok(composer.queued.waits.value && composer.unfinished);
  await pass(3_000);
  assert.match(composer.failure.value ?? "", /cannot be reached/);
  assert.equal(composer.queued.againAt.value, Date.now() + 6_000);
  down = false;
  composer.retry(); // the browser says that the network is back: nobody waits for the rest of the pause
  await sending;
  assert.equal(composer.failure.value, null);
  assert.equal(composer.queued.waits.value, false);
  assert.equal(offers.length, 1);
  assert.equal(fake.calls.filter(([name]) => name === "EmailSubmission/set").length, 1);
});

for (const how of ["types on", "asks not to"]) test(`nothing goes off by itself when the one who writes ${how}`, async () => {
  let down = true;
  const base = server({ "Email/query": () => ({ ids: [] }), "EmailSubmission/query": () => ({ ids: [] }) });
  const { composer, fake, send, offers } = made((name, args) => (down ? unreached() : base(name, args)));
  composer.take({ ...composer.letter(), to: [{ name: "", email: "bob@x.test" }], subject: "Late" });
  const sending = send();
  await settled();
  if (how === "types on") composer.setSubject("Later");
  else await send();
  await sending;
  assert.equal(composer.failure.value, null);
  down = false;
  const asked = fake.calls.length;
  await pass(120_000);
  assert.deepEqual([offers, composer.saver.state.value], [[], "saved"]);
  assert.ok(fake.calls.slice(asked).every(([name]) => name !== "EmailSubmission/set"));
});

/** Files that never arrive. */
function stuck(): UploadQueue {
  const request = { upload: {}, open: () => undefined, setRequestHeader: () => undefined, send: () => undefined, abort: () => undefined };
  return new UploadQueue("/u", () => request as unknown as XMLHttpRequest);
}

for (const how of ["types on", "adds a file", "closes it", "loses it to another tab"]) test(`an attempt under way that fails is the last when the one who writes ${how}`, async () => {
  let fail = (): void => undefined;
  const reached = new Promise<void>((resolve) => (fail = resolve));
  let down = true;
  const base = server({ "Email/query": () => ({ ids: [] }), "EmailSubmission/query": () => ({ ids: [] }) });
  const { composer, drafts, fake, send, offers } = made((name, args) => base(name, args), stuck());
  const real = drafts.send.bind(drafts);
  drafts.send = async (...args) => {
    if (!down) return real(...args);
    await reached;
    return unreached();
  };
  composer.take({ ...composer.letter(), to: [{ name: "", email: "bob@x.test" }], subject: "Late" });
  const sending = send();
  await settled();
  assert.ok(composer.sending.value);
  if (how === "types on") composer.setSubject("Later, perh");
  else if (how === "adds a file") composer.files.add([{ name: "plan.pdf", size: 10, type: "" } as File]);
  else if (how === "closes it") composer.unqueue();
  else composer.elsewhere.value = true;
  fail();
  await settled();
  down = false;
  await pass(120_000);
  await sending;
  assert.deepEqual([offers, composer.queued.waits.value], [[], false]);
  assert.ok(fake.calls.every(([name]) => name !== "EmailSubmission/set"));
});

test("a file added while a message waits for the server is not left out: it is not sent by itself", async () => {
  let down = true;
  const base = server({ "Email/query": () => ({ ids: [] }), "EmailSubmission/query": () => ({ ids: [] }) });
  const { composer, fake, send, offers } = made((name, args) => (down ? unreached() : base(name, args)), stuck());
  composer.take({ ...composer.letter(), to: [{ name: "", email: "bob@x.test" }], subject: "Late" });
  const sending = send();
  await settled();
  composer.files.add([{ name: "plan.pdf", size: 10, type: "" } as File]);
  down = false;
  composer.retry();
  await pass(120_000);
  await sending;
  assert.deepEqual([offers, composer.queued.waits.value], [[], false]);
  assert.ok(fake.calls.every(([name]) => name !== "EmailSubmission/set"));
});

test("a save that failed says when it is tried again: first soon, then less often", async () => {
  const { composer } = made(unreached);
  composer.setSubject("Oak");
  await pass(SAVE_AFTER);
  for (const pause of [3_000, 6_000, 12_000, 24_000, 48_000, 60_000, 60_000]) {
    assert.equal(composer.saver.againAt.value, Date.now() + pause);
    await pass(pause);
  }
});
