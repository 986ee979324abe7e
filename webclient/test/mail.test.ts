import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { BodyPart, Mailbox } from "../src/jmap/types.js";
import { hueOf, initials } from "../src/ui/avatar.js";
import { kindOf, listedParts } from "../src/mail/attachments.js";
import { placeMailboxes } from "../src/mail/mailboxes.js";
import { matchFolders } from "../src/mail/move-dialog.js";
import { isMisleading, peopleText } from "../src/mail/people.js";
import { Selection } from "../src/mail/selection.js";
import { groupsOf } from "../src/mail/text-body.js";
import { blocksOf } from "../src/mail/text.js";
import type { EmailSummary } from "../src/jmap/types.js";
import { summary } from "./fake-client.js";

const box = (id: string, parentId: string | null, role: string | null = null, name = id): Mailbox => ({
  id, name, parentId, role, sortOrder: 0, totalEmails: 0, unreadEmails: 0,
});

test("folders with a role come first, children below their parents", () => {
  const placed = placeMailboxes([box("b", null), box("a", null), box("a1", "a"), box("t", null, "trash"), box("i", null, "inbox")]);
  assert.deepEqual(placed.map((item) => [item.mailbox.id, item.depth]), [["i", 0], ["t", 0], ["a", 0], ["a1", 1], ["b", 0]]);
});

test("a folder with a lost or circular parent is still there, once", () => {
  const placed = placeMailboxes([box("x", "gone"), box("p", "q"), box("q", "p")]);
  assert.deepEqual(placed.map((item) => item.mailbox.id).sort(), ["p", "q", "x"]);
});

test("typing a folder's name finds it by its path, its own name first", () => {
  const placed = placeMailboxes([box("1", null, null, "Projects"), box("2", "1", null, "Office"), box("3", null, null, "Old projects"), box("d", null, "drafts")]);
  assert.deepEqual(matchFolders(placed, "pro", null).map((item) => item.path), ["Projects", "Old projects", "Projects / Office"]);
  assert.deepEqual(matchFolders(placed, "off", "2"), []);
  assert.equal(matchFolders(placed, "", null).some((item) => item.mailbox.role === "drafts"), false);
});

test("a name that shows another address is told", () => {
  assert.equal(isMisleading({ name: "boss@example.test", email: "x@evil.test" }), true);
  assert.equal(isMisleading({ name: "Bob (bob@example.test)", email: "Bob@example.test" }), false);
  assert.equal(isMisleading({ name: "Bob", email: "x@evil.test" }), false);
});

test("an empty name gives way to the address", () => {
  const email = summary("a", { from: [{ name: "  ", email: "x@y.test" }] }) as unknown as EmailSummary;
  assert.equal(peopleText(email), "x@y.test");
});

test("images that belong to the text are no attachments", () => {
  const part = (over: Partial<BodyPart>): BodyPart => ({ partId: "1", blobId: "b", size: 1, name: null, type: "image/png", disposition: null, cid: null, ...over });
  const html = [part({ type: "text/html" })];
  const inline = part({ cid: "x", disposition: "inline" });
  const file = part({ type: "application/pdf", name: "a.pdf" });
  assert.deepEqual(listedParts({ htmlBody: html, attachments: [inline, file] }), [file]);
  assert.deepEqual(listedParts({ htmlBody: [part({ type: "text/plain" })], attachments: [inline] }), [inline]);
  assert.equal(kindOf(file), "PDF");
  assert.equal(kindOf(part({})), "PNG");
});

test("neighbouring quotations fold together", () => {
  const groups = groupsOf(blocksOf("a\n> b\n>> c\n> d\ne"));
  assert.deepEqual(groups.map((group) => [group.quoted, group.blocks.length]), [[false, 1], [true, 3], [false, 1]]);
});

test("initials and colours", () => {
  assert.equal(initials("Carla Núñez"), "CN");
  assert.equal(initials("bob@example.test"), "B");
  assert.equal(initials(""), "?");
  assert.equal(initials("👩‍💻 x").length > 0, true);
  assert.equal(hueOf("A@b"), hueOf("a@B"));
});

test("Shift extends the selection from the last message touched", () => {
  const selection = new Selection();
  const order = ["a", "b", "c", "d", "e"];
  selection.toggle("b");
  selection.extend("d", order);
  assert.deepEqual([...selection.ids.value], ["b", "c", "d"]);
  selection.drop(["c"]);
  assert.deepEqual([...selection.ids.value], ["b", "d"]);
});

test("styles use logical properties, so that right-to-left works", () => {
  const folder = join(import.meta.dirname, "../src/styles");
  const physical = /(?:^|[;{\s])(?:margin|padding|border)-(?:left|right|top|bottom)|(?:^|[;{\s])(?:left|right|top|bottom|width|height|min-width|max-height|float)\s*:|text-align:\s*(?:left|right)/;
  for (const name of readdirSync(folder)) {
    readFileSync(join(folder, name), "utf8").split("\n").forEach((line, index) => {
      if (line.includes("@media") || line.includes("@container")) return;
      assert.doesNotMatch(line, physical, `${name}:${index + 1}`);
    });
  }
});
