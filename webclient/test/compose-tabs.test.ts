// One draft and two who write it: nothing of either is lost without a word.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { SAVE_AFTER } from "../src/compose/draft-saver.js";
import { made, pass, settled } from "./compose-kit.js";
import type { Answer, Server } from "./fake-client.js";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"] }));
afterEach(() => mock.timers.reset());

/** A server that counts its state, keeps messages, and minds `ifInState` (RFC 8620 §5.3). */
class Keeper {
  readonly mails = new Map<string, { box: string; subject: string; messageId: string }>();
  state = 1;
  private next = 1;

  readonly serve: Server = (name, args) => {
    if (name === "Email/get") return this.get(args);
    if (name === "Email/query") return { ids: [...this.mails].filter(([, mail]) => mail.messageId === (args["filter"] as { header: string[] }).header[1]).map(([id]) => id) };
    if (name === "EmailSubmission/query") return { ids: [] };
    if (name === "EmailSubmission/get") return { list: [] };
    if (name !== "Email/set") return { error: "unknownMethod" };
    if (args["ifInState"] !== undefined && args["ifInState"] !== String(this.state)) return { error: "stateMismatch" };
    return this.set(args);
  };

  private get(args: Answer): Answer {
    const list = (args["ids"] as string[]).filter((id) => this.mails.has(id)).map((id) => ({ id, mailboxIds: { [this.mails.get(id)!.box]: true }, attachments: [] }));
    return { state: String(this.state), list, notFound: [] };
  }

  private set(args: Answer): Answer {
    const made = (args["create"] as { draft?: { subject: string; messageId: string[] } } | undefined)?.draft;
    const id = `M${this.next}`;
    if (made) this.mails.set(id, { box: "D", subject: made.subject, messageId: made.messageId[0]! });
    if (made) this.next += 1;
    for (const old of (args["destroy"] as string[] | undefined) ?? []) this.mails.delete(old);
    this.state += 1;
    return { newState: String(this.state), created: made ? { draft: { id } } : null, destroyed: args["destroy"] ?? [] };
  }

  subjects(box = "D"): readonly string[] {
    return [...this.mails.values()].filter((mail) => mail.box === box).map(({ subject }) => subject).sort();
  }
}

/** Two who write the same draft, saved once by the first. */
async function two(): Promise<{ keeper: Keeper; first: ReturnType<typeof made>; second: ReturnType<typeof made> }> {
  const keeper = new Keeper();
  const first = made(keeper.serve);
  first.composer.setSubject("Begun");
  await pass(SAVE_AFTER);
  const second = made(keeper.serve);
  second.composer.goOn(first.composer.letter(), { base: { id: first.composer.draftId!, state: String(keeper.state) } });
  return { keeper, first, second };
}

test("the second to save is asked, and nothing is overwritten", async () => {
  const { keeper, first, second } = await two();
  first.composer.setSubject("Of the first");
  await pass(SAVE_AFTER);
  second.composer.setSubject("Of the second");
  await pass(SAVE_AFTER);
  assert.ok(second.composer.contested.value);
  assert.ok(!first.composer.contested.value);
  assert.deepEqual(keeper.subjects(), ["Of the first"]);
  await pass(300_000);
  assert.deepEqual(keeper.subjects(), ["Of the first"]); // it is not saved before somebody has said so
  second.composer.setSubject("Of the second, more");
  await pass(300);
  assert.equal(second.kept.get("k1")?.letter.subject, "Of the second, more"); // but kept in the browser
  second.composer.keepApart();
  await pass(SAVE_AFTER);
  assert.deepEqual(keeper.subjects(), ["Of the first", "Of the second, more"]);
  second.composer.setSubject("Of the second, at last");
  await pass(SAVE_AFTER);
  assert.deepEqual(keeper.subjects(), ["Of the first", "Of the second, at last"]);
});

test("a draft that was sent elsewhere is not taken out of Sent", async () => {
  const { keeper, first, second } = await two();
  keeper.mails.get(first.composer.draftId!)!.box = "S";
  keeper.state += 1;
  second.composer.setSubject("Too late");
  await pass(SAVE_AFTER);
  assert.ok(second.composer.contested.value);
  assert.deepEqual([keeper.subjects("S"), keeper.subjects()], [["Begun"], []]);
  const { composer } = first;
  composer.set("to", [{ name: "", email: "bob@x.test" }]);
  await first.send();
  assert.ok(composer.contested.value);
  assert.equal(composer.failure.value, null); // it is asked about, not complained of
  assert.deepEqual(first.stage, []);
});

test("mail that arrives all the time keeps no draft from being saved", async () => {
  const keeper = new Keeper();
  let busy = false;
  const { composer, fake } = made((name, args) => {
    if (busy) keeper.state += 1;
    return keeper.serve(name, args);
  });
  composer.setSubject("Begun");
  await pass(SAVE_AFTER);
  keeper.state += 1; // something else has changed once
  composer.setSubject("Gone on with");
  await pass(SAVE_AFTER);
  assert.deepEqual(keeper.subjects(), ["Gone on with"]);
  busy = true;
  composer.setSubject("Ended");
  await pass(SAVE_AFTER);
  assert.deepEqual(keeper.subjects(), ["Ended"]);
  assert.ok(fake.calls.length < 40);
});

test("a request that was given up and done late is no other version", async () => {
  const keeper = new Keeper();
  let late: (() => void) | null = null;
  let lose = false;
  const { composer } = made((name, args) => {
    if (lose && name === "Email/set") {
      lose = false;
      late = () => void keeper.serve(name, { ...args, ifInState: undefined });
      throw new TypeError("Failed to fetch");
    }
    // The server gets to it behind the question what became of it.
    const answer = keeper.serve(name, args);
    if (name === "Email/query") {
      late?.();
      late = null;
    }
    return answer;
  });
  composer.setSubject("One");
  await pass(SAVE_AFTER);
  lose = true;
  composer.setSubject("Two");
  await pass(SAVE_AFTER);
  composer.setSubject("Three");
  await pass(10_000);
  assert.ok(!composer.contested.value);
  assert.deepEqual(keeper.subjects(), ["Three"]);
});

test("a letter goes from tab to tab with what is not saved of it", async () => {
  const { keeper, first, second } = await two();
  first.composer.setSubject("Half a word");
  const handed = await first.composer.handOver();
  if (typeof handed === "string") throw new Error(handed);
  assert.ok(first.composer.elsewhere.value);
  assert.ok(!first.composer.unfinished);
  assert.equal(first.kept.get("k1")?.letter.subject, "Half a word");
  await second.composer.receive(structuredClone(handed)); // as a channel would carry it
  assert.equal(second.composer.subject.value, "Half a word");
  await pass(SAVE_AFTER);
  assert.deepEqual(keeper.subjects(), ["Half a word"]);
  first.composer.setSubject("Behind its back");
  await pass(60_000);
  assert.deepEqual(keeper.subjects(), ["Half a word"]); // one tab writes
  assert.ok(!second.composer.contested.value);
});

test("a letter that is being sent, or whose files are on their way, stays where it is", async () => {
  const { first } = await two();
  first.composer.queued.waits.value = true;
  assert.match((await first.composer.handOver()) as string, /being sent/);
  first.composer.queued.waits.value = false;
  assert.ok(!first.composer.elsewhere.value);
  await settled();
});
