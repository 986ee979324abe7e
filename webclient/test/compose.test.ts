import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { signal } from "@preact/signals";
import { arrange, FOLDED, MORE, OPEN, type WindowState } from "../src/compose/arrange.js";
import { DraftSaver, SAVE_AFTER } from "../src/compose/draft-saver.js";
import { obstacle } from "../src/compose/sending.js";
import { Upload, UploadQueue } from "../src/compose/uploads.js";
import { identity, made, pass, server, sets, settled } from "./compose-kit.js";
import type { Answer } from "./fake-client.js";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"] }));
afterEach(() => mock.timers.reset());

test("a draft is saved within two seconds, replacing the one before in the same call", async () => {
  const { composer, fake } = made(server());
  assert.ok((SAVE_AFTER as number) <= 1_500);
  composer.setSubject("O");
  assert.equal(composer.saver.state.value, "unsaved");
  await pass(600);
  composer.setSubject("Oak");
  await pass(SAVE_AFTER - 600);
  assert.equal(composer.saver.state.value, "saved");
  assert.equal(sets(fake).length, 1);
  assert.equal((sets(fake)[0]!["create"] as Record<string, Answer>)["draft"]!["subject"], "Oak");
  assert.equal(sets(fake)[0]!["destroy"], undefined);
  composer.setSubject("Oak shelves");
  await pass(SAVE_AFTER);
  assert.deepEqual(sets(fake)[1]!["destroy"], ["M1"]);
  assert.equal(composer.draftId, "M2");
  await pass(60_000);
  assert.equal(sets(fake).length, 2);
});

test("never are two saves under way; what is written meanwhile is saved after", async () => {
  const waiting: (() => void)[] = [];
  let running = 0;
  let most = 0;
  const saver = new DraftSaver({
    keep: () => undefined,
    explain: String,
    save: () => {
      most = Math.max(most, (running += 1));
      return new Promise((resolve) =>
        waiting.push(() => {
          running -= 1;
          resolve();
        }),
      );
    },
  });
  saver.changed();
  await pass(SAVE_AFTER);
  saver.changed();
  await pass(SAVE_AFTER * 5);
  assert.equal(waiting.length, 1);
  const flushed = saver.flush();
  waiting[0]!();
  await settled();
  assert.equal(waiting.length, 2);
  saver.changed();
  waiting[1]!();
  await settled();
  waiting[2]!();
  await flushed;
  assert.deepEqual([most, saver.dirty, saver.state.value], [1, false, "saved"]);
});

test("a draft that takes long to save is saved less often", async () => {
  const finish: (() => void)[] = [];
  const saver = new DraftSaver({ keep: () => undefined, explain: String, save: () => new Promise((resolve) => finish.push(resolve)) });
  saver.changed();
  await pass(SAVE_AFTER);
  mock.timers.tick(4_000);
  finish[0]!();
  await settled();
  saver.changed();
  await pass(7_000);
  assert.equal(finish.length, 1);
  await pass(1_100);
  assert.equal(finish.length, 2);
});

test("without a server the letter is kept in the browser, and saved when the server is back", async () => {
  let down = true;
  const { composer, kept, fake } = made((name, args) => {
    if (down) throw new TypeError("network");
    return server()(name, args);
  });
  composer.setSubject("Oak");
  await pass(300);
  assert.equal(kept.get("k1")?.letter.subject, "Oak");
  await pass(SAVE_AFTER);
  assert.equal(composer.saver.state.value, "failed");
  assert.match(composer.saver.failure.value ?? "", /reached/);
  composer.setSubject("Oak shelves");
  await pass(300);
  assert.equal(kept.get("k1")?.letter.subject, "Oak shelves");
  down = false;
  await pass(10_000);
  assert.equal(composer.saver.state.value, "saved");
  assert.equal(kept.size, 0);
  assert.equal((sets(fake).at(-1)!["create"] as Record<string, Answer>)["draft"]!["subject"], "Oak shelves");
});

test("a network that comes back does not wait for the next attempt", async () => {
  let down = true;
  const saver = new DraftSaver({ keep: () => undefined, explain: String, save: () => (down ? Promise.reject(new TypeError("no")) : Promise.resolve()) });
  saver.changed();
  await pass(SAVE_AFTER);
  down = false;
  saver.retry();
  await pass(1);
  assert.equal(saver.state.value, "saved");
});

test("files of a draft are taken from the draft the next time: the upload, or an older draft, may be gone", async () => {
  let round = 0;
  const { composer, fake } = made(server({ "Email/get": () => ({ state: "2", list: [{ id: "x", attachments: [{ blobId: `part-${(round += 1)}` }] }], notFound: [] }) }));
  composer.files.reset([{ blobId: "upload", name: "a.pdf", type: "application/pdf", size: 3, cid: null }]);
  for (const subject of ["1", "2", "3"]) {
    composer.setSubject(subject);
    await pass(SAVE_AFTER);
  }
  const used = sets(fake).map((args) => ((args["create"] as Record<string, Answer>)["draft"]!["attachments"] as { blobId: string }[])[0]!.blobId);
  assert.deepEqual(used, ["upload", "part-1", "part-2"]);
});

test("a letter taken back has its files where the draft has them now", async () => {
  let round = 0;
  const { composer, fake, offers, send } = made(server({ "Email/get": () => ({ state: "2", list: [{ id: "x", attachments: [{ blobId: `part-${(round += 1)}` }] }], notFound: [] }) }));
  composer.take({ ...composer.letter(), to: [{ name: "", email: "bob@example.org" }], subject: "Oak", parts: [{ blobId: "upload", name: "a.pdf", type: "", size: 3, cid: null }] });
  await send();
  offers[0]!.undo();
  await settled();
  await send();
  const used = sets(fake).map((args) => ((args["create"] as Record<string, Answer>)["draft"]!["attachments"] as { blobId: string }[])[0]!.blobId);
  assert.deepEqual(used, ["upload", "part-1"]);
});

test("sending saves and submits in one request, and moves to Sent on success", async () => {
  const { composer, fake, offers, stage, send } = made(server());
  composer.goOn({ ...composer.letter(), to: [{ name: "Bob", email: "bob@example.org" }], subject: "Oak", text: "Hi", answered: { id: "M77", keyword: "$answered" } }, { base: { id: "M9", state: "1" } });
  await send();
  await settled();
  assert.deepEqual(fake.calls.map(([name]) => name), ["Email/set", "Email/get", "EmailSubmission/set", "Email/set"]);
  assert.deepEqual(sets(fake)[0]!["destroy"], ["M9"]);
  assert.deepEqual(fake.calls[2]![1]["create"], { send: { identityId: "I1", emailId: "#draft" } });
  assert.deepEqual(fake.calls[2]![1]["onSuccessUpdateEmail"], { "#send": { mailboxIds: { S: true }, "keywords/$draft": null } });
  assert.deepEqual(sets(fake)[1]!["update"], { M77: { "keywords/$answered": true } });
  assert.deepEqual(stage, ["leave"]);
  assert.deepEqual([offers[0]!.text, offers[0]!.seconds], ["Sent", 20]);
});

test("undo cancels, makes a draft again and brings the letter back as it was", async () => {
  const { composer, fake, offers, stage, send } = made(server());
  composer.take({ ...composer.letter(), to: [{ name: "", email: "bob@example.org" }], subject: "Oak", text: "Hi" });
  await send();
  offers[0]!.undo();
  await settled();
  const [name, args] = fake.calls.at(-1)!;
  assert.equal(name, "EmailSubmission/set");
  assert.deepEqual(args["update"], { S1: { undoStatus: "canceled" } });
  assert.deepEqual(args["onSuccessUpdateEmail"], { S1: { mailboxIds: { D: true }, "keywords/$draft": true } });
  assert.deepEqual(stage, ["leave", "reopen"]);
  assert.deepEqual([composer.draftId, composer.subject.value, composer.content().text], ["M1", "Oak", "Hi"]);
  composer.setSubject("Oak!");
  await pass(SAVE_AFTER);
  assert.deepEqual(sets(fake).at(-1)!["destroy"], ["M1"]);
});

test("what is too late to take back stays sent", async () => {
  let cancelling = false;
  const over = { "EmailSubmission/set": (args: Record<string, unknown>) => (args["update"] ? ((cancelling = true), { newState: "3", notUpdated: { S1: { type: "cannotUnsend" } } }) : { newState: "2", created: { send: { id: "S1" } } }) };
  const { composer, offers, stage, send } = made(server(over));
  composer.take({ ...composer.letter(), to: [{ name: "", email: "bob@example.org" }], subject: "Oak" });
  await send();
  assert.equal(offers[0]!.seconds, 10);
  offers[0]!.undo();
  await settled();
  assert.ok(cancelling);
  assert.deepEqual(stage, ["leave"]);
});

test("refused recipients are marked, the draft is the new one, and nothing is lost", async () => {
  const refusal = { type: "invalidRecipients", description: "No such address.", invalidRecipients: ["Nobody@example.test"] };
  const { composer, stage, offers, send } = made(server({ "EmailSubmission/set": () => ({ newState: "2", notCreated: { send: refusal } }) }));
  composer.take({ ...composer.letter(), to: [{ name: "", email: "Nobody@example.test" }], subject: "Oak" });
  await send();
  assert.deepEqual(composer.problems.value, { "nobody@example.test": "No such address." });
  assert.equal(composer.failure.value, "No such address.");
  assert.deepEqual([stage, offers, composer.draftId, composer.sending.value], [[], [], "M1", false]);
});

test("a letter with files on their way, without or with impossible recipients is not sent", async () => {
  const { composer, stage, fake, send } = made(server());
  await send();
  assert.deepEqual(stage, ["to"]);
  composer.take({ ...composer.letter(), to: [{ name: "", email: "bob@example.org" }], cc: [{ name: "", email: "bob at home" }], subject: "Oak" });
  assert.equal(obstacle(composer)?.field, "cc");
  assert.equal(fake.calls.length, 0);
});

test("saving stands still while a letter is sent, and uses its draft", async () => {
  const { composer, fake, send } = made(server());
  composer.take({ ...composer.letter(), to: [{ name: "", email: "bob@example.org" }], subject: "Oak" });
  composer.touch();
  const sent = send();
  await settled();
  await pass(SAVE_AFTER * 2);
  await sent;
  assert.equal(sets(fake).length, 1);
});

test("limits of files are told before anything is sent", () => {
  const { composer, stage } = made(server());
  const file = (name: string, size: number): File => ({ name, size, type: "" }) as File;
  composer.files.reset([{ blobId: "b", name: "", type: "", size: 100, cid: null }]);
  assert.equal(composer.files.add([file("big.iso", 101), file("second.iso", 60)]).length, 0);
  assert.match(stage[0]!, /big\.iso is larger than 100/);
  assert.match(stage[1]!, /second\.iso has no room/);
});

class FakeRequest {
  static readonly all: FakeRequest[] = [];
  status = 0;
  responseText = "";
  aborted = false;
  readonly upload: { onprogress?: (event: { loaded: number }) => void } = {};
  onload?: () => void;
  onerror?: () => void;
  open(): void {
    FakeRequest.all.push(this);
  }
  setRequestHeader(): void {
    // not looked at
  }
  send(): void {
    // answered by the test
  }
  abort(): void {
    this.aborted = true;
  }
  answer(status: number, body: unknown): void {
    this.status = status;
    this.responseText = JSON.stringify(body);
    this.onload?.();
  }
}

test("three files at a time; each can fail, be tried again, be cancelled", async () => {
  FakeRequest.all.length = 0;
  const queue = new UploadQueue("/u", () => new FakeRequest() as unknown as XMLHttpRequest);
  const arrived: string[] = [];
  const uploads = ["a", "b", "c", "d", "e"].map((name) => new Upload({ name, size: 10, type: "" } as File, (blobId) => arrived.push(blobId)));
  for (const upload of uploads) queue.add(upload);
  assert.equal(FakeRequest.all.length, 3);
  FakeRequest.all[0]!.upload.onprogress?.({ loaded: 5 });
  assert.equal(uploads[0]!.sent.value, 5);
  FakeRequest.all[0]!.answer(201, { blobId: "B-a" });
  assert.deepEqual(arrived, ["B-a"]);
  assert.equal(FakeRequest.all.length, 4);
  FakeRequest.all[1]!.answer(413, { detail: "Too large, sorry." });
  assert.deepEqual([uploads[1]!.state.value, uploads[1]!.failure.value], ["failed", "Too large, sorry."]);
  queue.cancel(uploads[2]!);
  assert.ok(FakeRequest.all[2]!.aborted);
  assert.equal(uploads[4]!.state.value, "running");
  queue.retry(uploads[1]!);
  assert.equal(uploads[1]!.state.value, "running");
  const last = FakeRequest.all.at(-1)!;
  last.onerror?.();
  assert.equal(uploads[1]!.state.value, "waiting");
  await pass(2_000);
  FakeRequest.all.at(-1)!.answer(201, { blobId: "B-b" });
  assert.deepEqual(arrived, ["B-a", "B-b"]);
  FakeRequest.all[3]!.answer(200, { nonsense: 1 });
  assert.equal(uploads[3]!.state.value, "failed");
});

test("a letter sent while files are on their way waits for them, unless one thinks better of it", async () => {
  FakeRequest.all.length = 0;
  const queue = new UploadQueue("/u", () => new FakeRequest() as unknown as XMLHttpRequest);
  const { composer, fake, send } = made(server(), queue);
  composer.take({ ...composer.letter(), to: [{ name: "", email: "bob@example.org" }], subject: "Oak" });
  composer.files.add([{ name: "a.pdf", size: 10, type: "" } as File]);
  const first = send();
  await settled();
  assert.ok(composer.queued.waits.value);
  await send();
  await first;
  assert.deepEqual([composer.queued.waits.value, fake.calls.length], [false, 0]);
  const second = send();
  await settled();
  assert.equal(fake.calls.length, 0);
  FakeRequest.all[0]!.answer(201, { blobId: "B-a" });
  await second;
  assert.deepEqual(sets(fake).map((args) => (args["create"] as Record<string, Record<string, { blobId: string }[]>>)["draft"]!["attachments"]![0]!.blobId), ["B-a"]);
});

test("the signature of the chosen identity stands above the quotation, and changes with it as far as nothing is written", () => {
  const { composer } = made(server());
  const one = { ...identity, textSignature: "Alice", htmlSignature: "<b>Alice</b>" };
  const two = { ...identity, id: "I2", email: "sales@example.test", textSignature: "The shop" };
  composer.identity.value = one;
  composer.begin("", { text: "> q", html: "<blockquote>q</blockquote>" });
  assert.equal(composer.content().text, "\n\n-- \nAlice\n\n> q");
  assert.match(composer.content().html, /<b>Alice<\/b>.*<blockquote>q<\/blockquote>$/);
  composer.setIdentity(two);
  assert.equal(composer.content().text, "\n\n-- \nThe shop\n\n> q");
  assert.equal(composer.saver.dirty, false);
  const detach = composer.attach({ html: () => "", text: () => "Hello\n\n-- \nThe shop\n\n> q" });
  composer.textChanged();
  composer.setIdentity(one);
  assert.equal(composer.stored.text, "Hello\n\n-- \nAlice\n\n> q");
  assert.ok(composer.saver.dirty);
  detach();
});

test("a draft that cannot be had as a whole is not gone on with: saving it would lose the rest", async () => {
  const draft = (value: object): Answer => ({ state: "2", list: [{ id: "M1", mailboxIds: { D: true }, bodyValues: { "1": value } }], notFound: [] });
  const cut = made(server({ "Email/get": () => draft({ value: "x", isTruncated: true }) }));
  await assert.rejects(cut.drafts.loadDraft("M1"), /too long/);
  const long = made(server({ "Email/get": () => draft({ value: "x".repeat(2_000_001) }) }));
  await assert.rejects(long.drafts.loadDraft("M1"), /too long/);
  const whole = made(server({ "Email/get": () => draft({ value: "x" }) }));
  assert.equal((await whole.drafts.loadDraft("M1")).email.id, "M1");
  assert.equal(whole.fake.calls[0]![1]["maxBodyValueBytes"], undefined);
});

test("the newest windows have room; older ones fold, and then are in a menu", () => {
  const item = (state: WindowState): { state: WindowState } => ({ state });
  const three = [item("open"), item("open"), item("open")];
  assert.deepEqual(arrange(three, 4 * OPEN).shown.map(({ state }) => state), ["open", "open", "open"]);
  const wide = arrange(three, OPEN + FOLDED + MORE + 40);
  assert.deepEqual(wide.shown.map(({ state }) => state), ["folded", "open"]);
  assert.deepEqual([wide.hidden.length, wide.taken], [1, OPEN + FOLDED + MORE]);
  assert.equal(arrange(three, OPEN + FOLDED + 40).taken, OPEN + MORE); // no room for their button beside a folded one
  assert.deepEqual(arrange([item("open")], 300).shown.map(({ state }) => state), ["open"]);
  assert.equal(arrange([item("full")], 1400).taken, 0);
  assert.equal(signal(arrange([], 1400).taken).value, 0);
});
