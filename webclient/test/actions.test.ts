import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { EmailSummary, Mailbox } from "../src/jmap/types.js";
import { Actions } from "../src/mail/actions.js";
import { Emails, isUnread } from "../src/mail/emails.js";
import { Mailboxes } from "../src/mail/mailboxes.js";
import { fakeClient, summary, type Fake, type Server } from "./fake-client.js";

const box = (id: string, totalEmails: number, unreadEmails: number): Mailbox => ({
  id, name: id, parentId: null, role: id, sortOrder: 0, totalEmails, unreadEmails,
});

let taken: string[];
let returned: number;

beforeEach(() => {
  taken = [];
  returned = 0;
});

function made(server: Server): { fake: Fake; actions: Actions; emails: Emails; mailboxes: Mailboxes } {
  const fake = fakeClient(server);
  const mailboxes = new Mailboxes(fake.client);
  mailboxes.replace({ state: "1", notFound: [], list: [box("inbox", 3, 3), box("trash", 0, 0)] });
  const emails = new Emails();
  emails.put(["a", "b", "c"].map((id) => summary(id) as unknown as EmailSummary));
  const screen = {
    takeOut: (ids: readonly string[]) => {
      taken.push(...ids);
      return () => (returned += 1);
    },
    leaves: (target: string) => target !== "inbox",
  };
  return { fake, emails, mailboxes, actions: new Actions(fake.client, mailboxes, emails, () => screen) };
}

const fine: Server = (_name, args) => ({
  newState: "2",
  updated: Object.fromEntries(Object.keys((args["update"] ?? {})).map((id) => [id, null])),
  destroyed: args["destroy"] ?? [],
});

test("a keyword shows at once and is sent as a patch (RFC 8620 §5.3)", async () => {
  const { fake, actions, emails, mailboxes } = made(fine);
  const done = actions.setKeyword(["a"], "$seen", true);
  assert.equal(isUnread(emails.peek("a")!), false);
  assert.equal(mailboxes.byId.value.get("inbox")?.unreadEmails, 2);
  await done;
  assert.deepEqual(fake.calls[0]?.[1]["update"], { a: { "keywords/$seen": true } });
  assert.equal(isUnread(emails.peek("a")!), false);
});

test("what the server refuses goes back, and only that", async () => {
  const { actions, emails, mailboxes } = made(() => ({ newState: "2", updated: { a: null }, notUpdated: { b: { type: "forbidden" } } }));
  await actions.setKeyword(["a", "b"], "$seen", true);
  assert.equal(isUnread(emails.peek("a")!), false);
  assert.equal(isUnread(emails.peek("b")!), true);
  assert.equal(mailboxes.byId.value.get("inbox")?.unreadEmails, 2);
});

test("an answer that is older than the change does not undo it on the screen", async () => {
  const { actions, emails } = made(fine);
  const done = actions.setKeyword(["a"], "$flagged", true);
  emails.put([summary("a") as unknown as EmailSummary]);
  assert.equal(emails.peek("a")?.keywords["$flagged"], true);
  await done;
  assert.equal(emails.peek("a")?.keywords["$flagged"], true);
});

test("messages are sent in portions the server takes", async () => {
  const { fake, actions } = made(fine);
  await actions.move(["a", "b", "c"], "trash");
  assert.deepEqual(fake.calls.map(([, args]) => Object.keys(args["update"] as object).length), [2, 1]);
});

test("moving takes rows out and moves the counts; undo brings both back", async () => {
  const { actions, emails, mailboxes } = made(fine);
  await actions.move(["a", "b"], "trash");
  assert.deepEqual(taken, ["a", "b"]);
  assert.deepEqual(emails.peek("a")?.mailboxIds, { trash: true });
  assert.equal(mailboxes.byId.value.get("trash")?.totalEmails, 2);
  actions.undo();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(emails.peek("a")?.mailboxIds, { inbox: true });
  assert.deepEqual([mailboxes.byId.value.get("inbox")?.totalEmails, mailboxes.byId.value.get("trash")?.totalEmails], [3, 0]);
});

test("without a network a move is taken back, and there is nothing to undo", async () => {
  const { actions, emails, mailboxes } = made(() => {
    throw new TypeError("network");
  });
  await actions.move(["a"], "trash");
  assert.equal(returned, 1);
  assert.deepEqual(emails.peek("a")?.mailboxIds, { inbox: true });
  assert.equal(mailboxes.byId.value.get("inbox")?.totalEmails, 3);
  assert.equal(actions.lastUndo.value, null);
});

test("what is already gone counts as destroyed", async () => {
  const { actions } = made(() => ({ newState: "2", destroyed: [], notDestroyed: { a: { type: "notFound" } } }));
  await actions.destroy(["a"]);
  assert.equal(returned, 0);
});

test("a message moved to where it is stays where it is", async () => {
  const { fake, actions } = made(fine);
  await actions.move(["a"], "inbox");
  assert.equal(fake.calls.length, 0);
});
