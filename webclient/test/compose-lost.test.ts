import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { SAVE_AFTER } from "../src/compose/draft-saver.js";
import { made, pass, server, sets } from "./compose-kit.js";

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
  await send();
  assert.deepEqual(offers, []);
  assert.ok(composer.failure.value);
  await send();
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
