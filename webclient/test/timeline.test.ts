import assert from "node:assert/strict";
import { test } from "node:test";
import xml, { type Element } from "@xmpp/xml";
import { NS } from "../src/chat/ns.js";
import { isCarbon, readArchived, readCarbon, readFault, readMessage, readPageEnd, readRoster } from "../src/chat/reading.js";
import { archiveQuery, chatMessage, presence, receipt, rosterGet, rosterSet, stateMessage, xmlText } from "../src/chat/stanzas.js";
import { addLive, changeOwn, confirm, draftEntry, entryOf, mergePage, oldestId, unsent, type Entries } from "../src/chat/timeline.js";

const OWN = "alice@x.test";
const NOW = 1_000_000;

function incoming(id: string, text: string, archiveId?: string, from = "bob@x.test/desk"): Element {
  const sid = archiveId === undefined ? null : xml("stanza-id", { xmlns: NS.sid, by: OWN, id: archiveId });
  return xml("message", { xmlns: NS.client, from, to: OWN, id, type: "chat" }, xml("body", {}, text), sid);
}
function archived(archiveId: string, message: Element, queryid = "q1", from: string | undefined = OWN): Element {
  const forwarded = xml("forwarded", { xmlns: NS.forward }, xml("delay", { xmlns: NS.delay, stamp: "2026-11-23T08:00:00Z" }), message);
  return xml("message", { from, to: `${OWN}/w` }, xml("result", { xmlns: NS.mam, id: archiveId, queryid }, forwarded));
}
function page(...ids: string[]): Entries {
  return ids.map((id) => entryOf(readArchived(archived(id, incoming(`i${id}`, `text ${id}`)), OWN, NOW)!.message!, true)!);
}
const order = (entries: Entries): string => entries.map((item) => item.archiveId ?? item.id ?? "?").join(" ");

test("a message that comes live, as a carbon and out of the archive is there once", () => {
  const live = entryOf(readMessage(incoming("a", "hi", "7"), OWN, NOW)!, false)!;
  let { entries, added } = addLive([], live);
  assert.equal(added, true);
  ({ entries, added } = addLive(entries, entryOf(readMessage(incoming("a", "hi", "7"), OWN, NOW)!, false)!));
  assert.equal(added, false);
  entries = mergePage(entries, page("5", "6", "7"), "end");
  assert.equal(order(entries), "5 6 7");
  assert.equal(entries[2]?.key, live.key, "it keeps its place and key");
});

test("the same id of somebody else makes no message disappear", () => {
  let { entries } = addLive([], entryOf(readMessage(incoming("same", "first", "1"), OWN, NOW)!, false)!);
  ({ entries } = addLive(entries, entryOf(readMessage(incoming("same", "second", "2"), OWN, NOW)!, false)!));
  ({ entries } = addLive(entries, entryOf(readMessage(incoming("same", "third"), OWN, NOW)!, false)!));
  assert.equal(entries.length, 3);
});

test("older pages go before, in order, across page borders that overlap", () => {
  let entries = mergePage([], page("8", "9", "10"), "end");
  entries = mergePage(entries, page("5", "6", "7", "8"), "start");
  assert.equal(order(entries), "5 6 7 8 9 10");
  assert.equal(oldestId(entries), "5");
});

test("what was missed goes between what was known, before what still has to be sent", () => {
  let entries = mergePage([], page("1", "2"), "end");
  entries = addLive(entries, draftEntry("mine", "not sent yet", NOW, "waiting")).entries;
  entries = mergePage(entries, page("2", "3", "4"), "end");
  assert.equal(order(entries), "1 2 3 4 mine");
});

test("a gap before live messages is filled where it belongs", () => {
  let { entries } = addLive([], entryOf(readMessage(incoming("x", "live", "9"), OWN, NOW)!, false)!);
  entries = mergePage(entries, page("7", "8", "9", "10"), "end");
  assert.equal(order(entries), "7 8 9 10");
});

test("one's own message is known again in the archive, and is on record then", () => {
  const sent = draftEntry("origin-1", "hello", NOW, "sending");
  const copy = xml("message", { xmlns: NS.client, from: `${OWN}/w`, to: "bob@x.test", id: "other", type: "chat" }, xml("body", {}, "hello"), xml("origin-id", { xmlns: NS.sid, id: "origin-1" }));
  const found = entryOf(readArchived(archived("12", copy), OWN, NOW)!.message!, true)!;
  const entries = mergePage(addLive([], sent).entries, [found], "end");
  assert.equal(entries.length, 1);
  assert.deepEqual([entries[0]?.archiveId, entries[0]?.delivery, entries[0]?.time], ["12", "recorded", Date.parse("2026-11-23T08:00:00Z")]);
  assert.deepEqual(unsent(entries), []);
});

test("a receipt delivers, an error fails, and the archive does not take a receipt back", () => {
  let entries: Entries = [draftEntry("a", "x", NOW, "recorded"), draftEntry("b", "y", NOW, "sending")];
  entries = confirm(entries, "a");
  entries = changeOwn(entries, "b", { delivery: "failed", error: "no" });
  assert.deepEqual(entries.map((item) => item.delivery), ["delivered", "failed"]);
  assert.equal(confirm(entries, "unknown"), entries);
  const again = entryOf({ ...readMessage(incoming("a", "x", "3"), OWN, NOW)!, mine: true }, true)!;
  assert.equal(mergePage(entries, [again], "end")[0]?.delivery, "delivered");
  assert.deepEqual(unsent(entries), []);
});

test("archive results, carbons and stanza ids are taken from one's own account only", () => {
  const forged = incoming("a", "hi");
  assert.equal(readArchived(archived("1", forged, "q1", "eve@x.test"), OWN, NOW), null);
  const carbon = (from: string) => xml("message", { from }, xml("received", { xmlns: NS.carbons }, xml("forwarded", { xmlns: NS.forward }, incoming("a", "hi", "4"))));
  assert.equal(isCarbon(carbon("eve@x.test")), true);
  assert.equal(readCarbon(carbon("eve@x.test"), OWN, NOW), null);
  assert.equal(readCarbon(carbon(OWN), OWN, NOW)?.archiveId, "4");
  const claimed = xml("message", { from: "eve@x.test/1" }, xml("body", {}, "x"), xml("stanza-id", { xmlns: NS.sid, by: "eve@x.test", id: "4" }));
  assert.equal(readMessage(claimed, OWN, NOW)?.archiveId, undefined);
});

test("a sent carbon is one's own message to the other side", () => {
  const inside = xml("message", { from: `${OWN}/phone`, to: "bob@x.test", id: "p1", type: "chat" }, xml("body", {}, "from the phone"));
  const read = readCarbon(xml("message", { from: OWN }, xml("sent", { xmlns: NS.carbons }, xml("forwarded", { xmlns: NS.forward }, inside))), OWN, NOW)!;
  assert.deepEqual([read.peer, read.mine, read.body], ["bob@x.test", true, "from the phone"]);
});

test("a message that was kept has the time it was sent at", () => {
  const kept = incoming("a", "late", "5");
  kept.append(xml("delay", { xmlns: NS.delay, from: "x.test", stamp: "2026-11-23T07:30:00.000Z" }));
  const read = readMessage(kept, OWN, NOW)!;
  assert.deepEqual([read.time, read.delayed], [Date.parse("2026-11-23T07:30:00Z"), true]);
  assert.equal(entryOf(read, false)?.late, true);
});

test("errors are read with condition and text (RFC 6120 §8.3)", () => {
  const stanza = xml("message", { from: "bob@x.test", type: "error", id: "a" }, xml("error", { type: "wait" }, xml("resource-constraint", { xmlns: NS.stanzas }), xml("text", { xmlns: NS.stanzas }, "the disk is full")));
  assert.deepEqual(readFault(stanza), { condition: "resource-constraint", type: "wait", text: "the disk is full" });
  assert.equal(readMessage(stanza, OWN, NOW)?.error?.condition, "resource-constraint");
  assert.equal(readFault(xml("message", { type: "error" })).condition, "undefined-condition");
});

test("the end of a page tells whether there is more (XEP-0059)", () => {
  const fin = xml("iq", { type: "result" }, xml("fin", { xmlns: NS.mam, complete: "true" }, xml("set", { xmlns: NS.rsm }, xml("first", { index: "0" }, "3"), xml("last", {}, "9"))));
  assert.deepEqual(readPageEnd(fin), { complete: true, first: "3", last: "9" });
  assert.deepEqual(readPageEnd(xml("iq", { type: "result" })), { complete: false, first: undefined, last: undefined });
});

test("roster answers and pushes are read (RFC 6121 §2.1)", () => {
  const iq = xml("iq", { type: "set" }, xml("query", { xmlns: NS.roster, ver: "7-ab" }, xml("item", { jid: "Bob@x.test", name: "Bob", subscription: "both" }, xml("group", {}, "Colleagues")), xml("item", { jid: "old@x.test", subscription: "remove" }), xml("item", {})));
  assert.deepEqual(readRoster(iq), { ver: "7-ab", items: [{ jid: "bob@x.test", name: "Bob", subscription: "both", asked: false, groups: ["Colleagues"] }], removed: ["old@x.test"] });
  assert.equal(readRoster(xml("iq", { type: "result" })), null);
});

test("stanzas are built as the specifications have them", () => {
  const message = chatMessage("bob@x.test", "id-1", "Hi <there> & all");
  assert.equal(message.attrs["type"], "chat");
  assert.equal(message.getChildText("body"), "Hi <there> & all");
  assert.ok(message.toString().includes("Hi &lt;there&gt; &amp; all"));
  assert.equal(message.getChild("origin-id", NS.sid)?.attrs["id"], "id-1");
  assert.ok(message.getChild("request", NS.receipts) && message.getChild("active", NS.states));
  assert.equal(stateMessage("b@x", "composing").getChildElements().length, 1, "a chat state alone is not recorded");
  assert.equal(receipt("b@x/1", "id-1", "r").getChild("received", NS.receipts)?.attrs["id"], "id-1");
  assert.equal(presence({ show: "offline", status: "Bye" }).toString(), '<presence type="unavailable"><status>Bye</status></presence>');
  assert.equal(presence({ show: "online" }).toString(), "<presence/>");
  assert.equal(presence({ show: "away", idleSince: "2026-01-01T00:00:00Z" }).getChild("idle", NS.idle)?.attrs["since"], "2026-01-01T00:00:00Z");
  assert.equal(rosterSet("b@x", "", ["Work"]).toString(), '<iq type="set"><query xmlns="jabber:iq:roster"><item jid="b@x"><group>Work</group></item></query></iq>');
  assert.ok(rosterGet("3-x").toString().includes('ver="3-x"'));
});

test("archive queries page backwards, forwards and by person", () => {
  const last = archiveQuery("q1", { with: "bob@x.test", before: "", max: 30 }).toString();
  assert.ok(last.includes("<before/>") && last.includes("<max>30</max>") && last.includes("<value>bob@x.test</value>"));
  const older = archiveQuery("q2", { before: "17", max: 30 }).toString();
  assert.ok(older.includes("<before>17</before>") && !older.includes("jabber:x:data"));
  assert.ok(archiveQuery("q3", { after: "17", max: 100 }).toString().includes("<after>17</after>"));
});

test("texts lose what XML cannot carry and nothing else", () => {
  assert.equal(xmlText("a\u0000b\u000bc\u001fd\ufffe"), "abcd");
  assert.equal(xmlText("tab\t new\r\nline\rend 👍"), "tab\t new\nline\nend 👍");
  assert.equal(xmlText("broken \ud800 pair"), "broken \ufffd pair");
});
