import assert from "node:assert/strict";
import { test } from "node:test";
import xml, { type Element } from "@xmpp/xml";
import { Backoff } from "../src/chat/backoff.js";
import { daysOf, isEmoji } from "../src/chat/grouping.js";
import { addressOfJid, bareOf, isAddress, jidOfAddress, localOf } from "../src/chat/jids.js";
import { parseMemory, unreadAfter, withRead } from "../src/chat/memory.js";
import { effective } from "../src/chat/own-presence.js";
import { aggregate, PresenceTable } from "../src/chat/presence.js";
import { groupsOf } from "../src/chat/roster.js";
import { entryOf } from "../src/chat/timeline.js";
import { arrange, FOLDED, OPEN } from "../src/chat/windows.js";
import { readMessage, readPresence, type RosterItem } from "../src/chat/reading.js";

test("back-off doubles up to the limit, with up to half of it left to chance", () => {
  const longest = new Backoff({ first: 1_000, limit: 10_000, random: () => 1 });
  assert.deepEqual([1, 2, 3, 4, 5, 6].map(() => longest.next()), [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  const shortest = new Backoff({ first: 1_000, limit: 10_000, random: () => 0 });
  assert.deepEqual([shortest.next(), shortest.next()], [500, 1_000]);
  shortest.reset();
  assert.equal(shortest.next(), 500);
});

test("back-off stays finite after very many failures", () => {
  const backoff = new Backoff({ random: () => 1 });
  for (let i = 0; i < 5_000; i += 1) backoff.next();
  assert.equal(backoff.next(), 60_000);
});

test("the highest priority speaks; among equals do not disturb, then the most available", () => {
  assert.deepEqual(aggregate([]), { show: "offline", status: undefined });
  assert.equal(aggregate([{ show: "away", priority: 5 }, { show: "online", priority: 0 }]).show, "away");
  assert.equal(aggregate([{ show: "away", priority: 0 }, { show: "online", priority: 0 }]).show, "online");
  assert.equal(aggregate([{ show: "online", priority: 0 }, { show: "dnd", priority: 0, status: "Call" }]).status, "Call");
  assert.equal(aggregate([{ show: "xa", priority: -1 }]).show, "xa");
});

test("a person is offline when the last resource leaves, or the bare address says so", () => {
  const table = new PresenceTable();
  table.set("bob@x", "desk", { show: "online", priority: 0 });
  table.set("bob@x", "phone", { show: "away", priority: 0 });
  table.set("bob@x", "desk", null);
  assert.equal(table.of("bob@x").show, "away");
  table.set("bob@x", "phone", null, "Gone home");
  assert.deepEqual(table.of("bob@x"), { show: "offline", status: "Gone home" });
  table.set("bob@x", "desk", { show: "online", priority: 0 });
  table.set("bob@x", "", null);
  assert.equal(table.of("bob@x").show, "offline");
  table.set("eve@x", "never-seen", null);
  assert.equal(table.of("eve@x").show, "offline");
});

test("presence stanzas are read with what they leave out", () => {
  const read = (stanza: Element) => readPresence(stanza);
  assert.deepEqual(read(xml("presence", { from: "Bob@X.test/desk" })).presence, { show: "online", status: undefined, priority: 0 });
  assert.equal(read(xml("presence", { from: "b@x/a" }, xml("show", {}, "nonsense"))).presence?.show, "online");
  assert.equal(read(xml("presence", { from: "b@x/a" }, xml("show", {}, "dnd"), xml("priority", {}, "-3"))).presence?.priority, -3);
  assert.equal(read(xml("presence", { from: "b@x/a", type: "unavailable" }, xml("status", {}, " Bye "))).presence, null);
  assert.equal(read(xml("presence", { from: "b@x/a" }, xml("priority", {}, "many"))).presence?.priority, 0);
});

test("one is away only if one has chosen to be online", () => {
  assert.deepEqual(effective({ show: "online", status: "" }, null), { show: "online", status: undefined });
  assert.equal(effective({ show: "online", status: "" }, 0).show, "away");
  assert.equal(effective({ show: "online", status: "" }, 0).idleSince, "1970-01-01T00:00:00.000Z");
  for (const show of ["dnd", "offline", "away"] as const) assert.deepEqual(effective({ show, status: "x" }, 0), { show, status: "x" });
});

test("addresses become JIDs and come back (XEP-0106)", () => {
  for (const address of ["bob@x.test", "o'brien@x.test", "a/b@x.test", "d&d@x.test", "c\\27d@x.test"]) {
    assert.equal(addressOfJid(jidOfAddress(address)), address);
  }
  assert.equal(jidOfAddress("O'Brien@X.test"), "o\\27brien@x.test");
  assert.equal(bareOf("Bob@X.test/Desk/1"), "bob@x.test");
  assert.equal(localOf("example.test"), "example.test");
  assert.equal(localOf("o\\27brien@x.test"), "o'brien");
  for (const wrong of ["bob", "@x", "bob@", "b b@x", "a@b@c", "bob@x/desk"]) assert.equal(isAddress(wrong), false, wrong);
});

test("colleagues stand first, those without a group last, by name", () => {
  const item = (jid: string, name: string, ...groups: string[]): RosterItem => ({ jid, name, subscription: "both", asked: false, groups });
  const groups = groupsOf([item("z@x", "Zoe", "Work"), item("n@x", "Nobody"), item("b@x", "Bea", "Colleagues", "Work"), item("a@x", "Al", "Colleagues")], (i) => i.name);
  assert.deepEqual(groups.map((group) => [group.name, group.contacts.map((i) => i.name)]), [["Colleagues", ["Al", "Bea"]], ["Work", ["Bea", "Zoe"]], ["", ["Nobody"]]]);
});

const entry = (archiveId: string | undefined, mine: boolean, time = 0) =>
  entryOf({ peer: "bob@x", from: "", mine, type: "chat", id: `i${archiveId}`, archiveId, body: "text", subject: undefined, time, delayed: false, state: undefined, wantsReceipt: false, receiptFor: undefined, error: undefined }, false)!;

test("unread is what comes after the mark and after one's own last message", () => {
  const list = [entry("1", false), entry("2", false), entry("3", true), entry("4", false), entry("5", false)];
  assert.deepEqual(unreadAfter(list, undefined), []);
  assert.deepEqual(unreadAfter(list, "4").map((item) => item.archiveId), ["5"]);
  assert.deepEqual(unreadAfter(list, "1").map((item) => item.archiveId), ["4", "5"]);
  assert.deepEqual(unreadAfter(list, "not among them").map((item) => item.archiveId), ["4", "5"]);
  assert.deepEqual(unreadAfter(list, "5"), []);
});

test("what was remembered for somebody else, or is broken, is not used", () => {
  const good = JSON.stringify({ account: "a@x", read: { "b@x": "7", "c@x": 5 }, chosen: { show: "dnd", status: "busy" } });
  assert.deepEqual(parseMemory(good, "a@x"), { account: "a@x", read: { "b@x": "7" }, chosen: { show: "dnd", status: "busy" } });
  for (const text of [null, "", "{", "null", "[]", good.replace("a@x", "z@x")]) assert.deepEqual(parseMemory(text, "a@x").read, {});
  assert.equal(parseMemory('{"account":"a@x","chosen":{"show":"god","status":""}}', "a@x").chosen.show, "online");
});

test("read marks are bounded and the latest stays", () => {
  let read: Readonly<Record<string, string>> = {};
  for (let i = 0; i < 700; i += 1) read = withRead(read, `p${i}@x`, "1");
  read = withRead(read, "p300@x", "2");
  assert.equal(Object.keys(read).length, 500);
  assert.equal(Object.keys(read).at(-1), "p300@x");
  assert.equal("p0@x" in read, false);
});

test("messages stand by day and in runs of one person", () => {
  const noon = new Date(2026, 10, 20, 12).getTime();
  const list = [entry("1", false, noon), entry("2", false, noon + 60_000), entry("3", true, noon + 90_000), entry("4", true, noon + 90_000 + 6 * 60_000), entry("5", true, noon + 86_400_000)];
  const shape = (newFrom: string | null) => daysOf(list, newFrom).map((day) => day.runs.map((run) => run.entries.map((item) => item.archiveId)));
  assert.deepEqual(shape(null), [[["1", "2"], ["3"], ["4"]], [["5"]]]);
  assert.deepEqual(shape(list[1]!.key), [[["1"], ["2"], ["3"], ["4"]], [["5"]]]);
});

test("a clock that goes back opens no day again", () => {
  const noon = new Date(2026, 10, 20, 12).getTime();
  assert.equal(daysOf([entry("1", false, noon), entry("2", true, noon - 86_400_000)], null).length, 1);
});

test("only a few emoji alone are large", () => {
  for (const text of ["👍", "👍🏽 🎉", "❤️", "👩‍💻"]) assert.equal(isEmoji(text), true, text);
  for (const text of ["", "ok 👍", "👍👍👍👍", "7", "#"]) assert.equal(isEmoji(text), false, text);
});

test("windows have room beside each other, the first always", () => {
  const list = ["a", "b", "c"].map((jid) => ({ jid, folded: false }));
  const shape = (width: number) => {
    const { shown, hidden } = arrange(list, width);
    return [shown.map((item) => (item.folded ? item.jid : item.jid.toUpperCase())).join(""), hidden.length];
  };
  assert.deepEqual(shape(OPEN * 3 + 40), ["ABC", 0]);
  assert.deepEqual(shape(OPEN * 2 + FOLDED + 40), ["ABc", 0]);
  assert.deepEqual(shape(OPEN + 40), ["A", 2]);
  assert.deepEqual(shape(100), ["A", 2]);
});

test("a message of a stranger's shape is read or left alone, never a fault", () => {
  const own = "alice@x";
  assert.equal(readMessage(xml("message", { from: "room@x/bob", type: "groupchat" }, xml("body", {}, "hi")), own, 0), null);
  assert.equal(readMessage(xml("message", {}), own, 5)?.peer, own);
  assert.equal(readMessage(xml("message", { from: "bob@x/1", type: "strange" }, xml("body", {}, "hi")), own, 5)?.type, "chat");
  assert.equal(entryOf(readMessage(xml("message", { from: "bob@x/1" }, xml("body", {})), own, 5)!, false), null);
});
