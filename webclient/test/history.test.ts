import assert from "node:assert/strict";
import { test } from "node:test";
import type { Element } from "@xmpp/xml";
import xml from "@xmpp/xml";
import { Archive } from "../src/chat/archive.js";
import { Conversation } from "../src/chat/conversation.js";
import { History } from "../src/chat/history.js";
import { NS } from "../src/chat/ns.js";
import { Outbox } from "../src/chat/outbox.js";
import type { Stream } from "../src/chat/stream.js";

const OWN = "alice@x.test";
const tick = () => new Promise((resolve) => setTimeout(resolve));

interface Kept {
  readonly id: number;
  readonly peer: string;
  readonly mine: boolean;
  readonly message: Element;
}

/** A server with an archive, as far as these tests need one; `take` gets what it sends besides answers. */
class FakeServer {
  readonly kept: Kept[] = [];
  readonly sent: Element[] = [];
  readonly queries: string[] = [];
  take: (stanza: Element) => void = () => undefined;
  /** Ids that the archive does not know any more. */
  forgotten = new Set<string>();
  /** Answers to pings wait for this. */
  pong: Promise<unknown> = Promise.resolve();
  private next = 1;

  put(peer: string, text: string, mine = false, id = `i${this.next}`): number {
    const body = text ? xml("body", {}, text) : xml("received", { xmlns: NS.receipts, id: "x" });
    const message = xml("message", { xmlns: NS.client, from: mine ? `${OWN}/w` : `${peer}/d`, to: mine ? peer : OWN, id, type: "chat" }, body);
    this.kept.push({ id: this.next, peer, mine, message });
    return this.next++;
  }

  readonly stream: Stream = {
    jid: `${OWN}/w`,
    send: (stanza) => {
      this.sent.push(stanza);
      return Promise.resolve();
    },
    request: async (iq) => {
      const query = iq.getChild("query", NS.mam);
      if (query) return this.page(query);
      await this.pong;
      return xml("iq", { type: "result" });
    },
    close: () => undefined, resumed: false, kept: () => null, abandon: () => undefined,
  };

  private page(query: Element): Element {
    const set = query.getChild("set", NS.rsm)!;
    const wanted = query.getChild("x", NS.forms)?.getChildren("field").find((field) => field.attrs["var"] === "with")?.getChildText("value");
    const before = set.getChild("before");
    const after = set.getChildText("after");
    const max = Number(set.getChildText("max"));
    this.queries.push(`${wanted ?? "all"} before=${before ? before.text() : "-"} after=${after ?? "-"}`);
    for (const id of [before?.text(), after]) if (id && this.forgotten.has(id)) throw Object.assign(new Error("gone"), { condition: "item-not-found" });
    let found = this.kept.filter((item) => !wanted || item.peer === wanted);
    if (before?.text()) found = found.filter((item) => item.id < Number(before.text()));
    if (after) found = found.filter((item) => item.id > Number(after));
    const page = before ? found.slice(-max) : found.slice(0, max);
    for (const { id, message } of page) {
      const forwarded = xml("forwarded", { xmlns: NS.forward }, xml("delay", { xmlns: NS.delay, stamp: new Date(id * 60_000).toISOString() }), message);
      this.take(xml("message", { from: OWN }, xml("result", { xmlns: NS.mam, id: String(id), queryid: query.attrs["queryid"] }, forwarded)));
    }
    const ends = page.length ? [xml("first", {}, String(page[0]!.id)), xml("last", {}, String(page.at(-1)!.id))] : [];
    return xml("iq", { type: "result" }, xml("fin", { xmlns: NS.mam, complete: page.length === found.length ? "true" : undefined }, xml("set", { xmlns: NS.rsm }, ...ends)));
  }
}

function setUp(read: Record<string, string> = {}) {
  const server = new FakeServer();
  const conversations = new Map<string, Conversation>();
  const missed: string[] = [];
  const conversation = (jid: string): Conversation => {
    const found = conversations.get(jid) ?? new Conversation(jid);
    conversations.set(jid, found);
    return found;
  };
  const history = new History({
    conversation,
    all: () => conversations.values(),
    readUpTo: (jid) => read[jid],
    onMissed: (talk, entries) => {
      talk.countUnread(entries);
      missed.push(...entries.map((entry) => `${talk.jid}:${entry.body}`));
    },
  });
  const archive = new Archive(server.stream, OWN);
  server.take = (stanza) => void archive.take(stanza);
  const texts = (jid: string) => conversation(jid).entries.value.map((entry) => entry.body);
  return { server, history, archive, conversation, conversations, missed, texts };
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `m${from + i}`);

test("older pages come until the beginning, each message once", async () => {
  const { server, history, archive, conversation, texts } = setUp();
  for (const text of numbers(1, 130)) server.put("bob@x", text);
  const bob = conversation("bob@x");
  await history.older(archive, bob);
  assert.deepEqual([texts("bob@x").length, bob.history.value], [50, "more"]);
  await history.older(archive, bob);
  await history.older(archive, bob);
  assert.deepEqual(texts("bob@x"), numbers(1, 130));
  assert.equal(bob.history.value, "complete");
  const asked = server.queries.length;
  await history.older(archive, bob);
  assert.equal(server.queries.length, asked, "there is nothing more to ask for");
});

test("a page of receipts alone is not mistaken for the beginning", async () => {
  const { server, history, archive, conversation, texts } = setUp();
  for (const text of numbers(1, 30)) server.put("bob@x", text);
  for (let i = 0; i < 120; i += 1) server.put("bob@x", "");
  await history.older(archive, conversation("bob@x"));
  assert.deepEqual(texts("bob@x"), numbers(1, 30));
});

test("the first look shows the newest of everybody and what was not read", async () => {
  const { server, history, archive, missed, conversation, texts } = setUp({ "bob@x": "1", "eve@x": "9999" });
  server.put("bob@x", "read");
  server.put("bob@x", "not read");
  server.put("eve@x", "also not read: the mark is older than the page");
  server.put("new@x", "no mark");
  await history.catchUp(archive);
  assert.deepEqual(missed, ["bob@x:not read", "eve@x:also not read: the mark is older than the page"]);
  assert.deepEqual([conversation("bob@x").unread.value, conversation("new@x").unread.value], [1, 0]);
  assert.equal(conversation("new@x").history.value, "complete");
  assert.deepEqual(texts("bob@x"), ["read", "not read"]);
});

test("older pages go on where the first look ended", async () => {
  const { server, history, archive, conversation, texts } = setUp();
  for (const text of numbers(1, 150)) server.put("bob@x", text);
  await history.catchUp(archive);
  assert.equal(texts("bob@x").length, 100);
  await history.older(archive, conversation("bob@x"));
  assert.deepEqual(texts("bob@x"), numbers(1, 150));
});

test("after a break only what was missed is fetched, and counted once", async () => {
  const { server, history, archive, missed, texts } = setUp();
  server.put("bob@x", "before");
  await history.catchUp(archive);
  for (const text of numbers(1, 250)) server.put("bob@x", text);
  await history.catchUp(archive);
  assert.deepEqual(texts("bob@x"), ["before", ...numbers(1, 250)]);
  assert.equal(missed.length, 250);
  await history.catchUp(archive);
  assert.equal(missed.length, 250);
  assert.deepEqual(server.queries, ["all before= after=-", "all before=- after=1", "all before=- after=101", "all before=- after=201", "all before=- after=251"]);
});

test("when too much was missed, or our place is gone, there is no hidden gap", async () => {
  for (const lost of ["too much", "gone"]) {
    const { server, history, archive, conversation, texts } = setUp();
    server.put("bob@x", "before");
    await history.catchUp(archive);
    for (const text of numbers(1, lost === "gone" ? 120 : 1_200)) server.put("bob@x", text);
    if (lost === "gone") server.forgotten.add("1");
    await history.catchUp(archive);
    assert.equal(texts("bob@x").length, 100, lost);
    assert.equal(texts("bob@x").at(-1), lost === "gone" ? "m120" : "m1200");
    assert.equal(conversation("bob@x").history.value, "unknown");
    await history.older(archive, conversation("bob@x"));
    assert.equal(texts("bob@x").length, lost === "gone" ? 121 : 150);
  }
});

test("a query that nobody waits for any more gives no messages", () => {
  const { archive, conversations } = setUp();
  const late = xml("message", { from: OWN }, xml("result", { xmlns: NS.mam, id: "1", queryid: "q77" }, xml("forwarded", { xmlns: NS.forward }, xml("message", { from: "bob@x/1" }, xml("body", {}, "late")))));
  assert.equal(archive.take(late), true, "it is not taken for a message either");
  assert.equal(conversations.size, 0);
});

const states = (talk: Conversation) => talk.entries.value.map((entry) => entry.delivery);

test("a message is on record when the ping after it is answered, not before", async () => {
  const { server, conversation } = setUp();
  let answer = (): void => undefined;
  server.pong = new Promise<void>((resolve) => (answer = resolve));
  const outbox = new Outbox("x.test");
  const bob = conversation("bob@x");
  outbox.ready(server.stream, [], true);
  outbox.send(bob, "hello");
  await tick();
  assert.deepEqual(states(bob), ["sending"]);
  answer();
  await tick();
  assert.deepEqual(states(bob), ["recorded"]);
});

test("an error that came before the ping's answer stays", async () => {
  const { server, conversation } = setUp();
  const outbox = new Outbox("x.test");
  const bob = conversation("bob@x");
  outbox.ready(server.stream, [], true);
  outbox.send(bob, "hello");
  assert.equal(outbox.refused(bob, bob.entries.value[0]?.id, { condition: "resource-constraint", type: "wait", text: "" }), true);
  await tick();
  assert.deepEqual(states(bob), ["failed"]);
  assert.match(bob.entries.value[0]?.error ?? "", /not be recorded, so it was not delivered/);
  outbox.retry(bob, bob.entries.value[0]!);
  await tick();
  assert.deepEqual(states(bob), ["recorded"]);
  const ids = server.sent.map((stanza) => stanza.attrs["id"]);
  assert.equal(new Set(ids).size, 2, "sent again as a message of its own");
});

test("what is written without a connection waits and goes out in order", async () => {
  const { server, conversation } = setUp();
  const outbox = new Outbox("x.test");
  const bob = conversation("bob@x");
  outbox.send(bob, "one");
  outbox.send(bob, "two");
  assert.deepEqual(states(bob), ["waiting", "waiting"]);
  outbox.ready(server.stream, [bob], true);
  await tick();
  assert.deepEqual(server.sent.map((stanza) => stanza.getChildText("body")), ["one", "two"]);
  assert.deepEqual(states(bob), ["recorded", "recorded"]);
});

test("after a break, what the archive has is not sent again, what it lacks is, under the same id", async () => {
  const { server, history, archive, conversation } = setUp();
  server.put("bob@x", "earlier");
  await history.catchUp(archive);
  server.pong = new Promise(() => undefined); // no answer comes any more
  const outbox = new Outbox("x.test");
  const bob = conversation("bob@x");
  outbox.ready(server.stream, [], true);
  outbox.send(bob, "arrived");
  outbox.send(bob, "lost");
  await tick();
  const [arrived, lost] = server.sent.map((stanza) => stanza.attrs["id"]);
  outbox.lost();
  server.put("bob@x", "arrived", true, arrived);
  server.sent.length = 0;
  await history.catchUp(archive);
  outbox.ready(server.stream, [bob], true);
  await tick();
  assert.deepEqual(server.sent.map((stanza) => stanza.attrs["id"]), [lost]);
  assert.equal(bob.entries.value.length, 3);
});

test("if the archive cannot tell, nothing is sent twice: the writer decides", async () => {
  const { server, conversation } = setUp();
  server.pong = new Promise(() => undefined);
  const outbox = new Outbox("x.test");
  const bob = conversation("bob@x");
  outbox.ready(server.stream, [], true);
  outbox.send(bob, "perhaps");
  await tick();
  outbox.lost();
  server.sent.length = 0;
  outbox.ready(server.stream, [bob], false);
  await tick();
  assert.deepEqual([server.sent.length, states(bob)], [0, ["failed"]]);
});
