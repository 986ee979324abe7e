import assert from "node:assert/strict";
import { test } from "node:test";
import { Emails } from "../src/mail/emails.js";
import { Listing, PAGE } from "../src/mail/listing.js";
import { fakeClient, summary, type Fake, type Server } from "./fake-client.js";

interface World {
  ids: string[];
  state: number;
  changes?: { removed: string[]; added: { id: string; index: number }[] } | undefined;
}

function server(world: World): Server {
  return (name, args) => {
    switch (name) {
      case "Email/query": {
        const anchored = args["anchor"] === undefined ? null : world.ids.indexOf(args["anchor"] as string);
        if (anchored === -1) return { error: "anchorNotFound" };
        const position = anchored === null ? ((args["position"] as number | undefined) ?? 0) : Math.max(0, anchored + ((args["anchorOffset"] as number | undefined) ?? 0));
        return {
          queryState: String(world.state), canCalculateChanges: true, position, total: world.ids.length,
          ids: world.ids.slice(position, position + (args["limit"] as number)),
        };
      }
      case "Email/get": {
        const ids = args["ids"] as string[];
        return { state: "s", list: ids.filter((id) => world.ids.includes(id)).map((id) => summary(id)), notFound: [] };
      }
      case "Email/queryChanges":
        return world.changes
          ? { oldQueryState: args["sinceQueryState"], newQueryState: String(world.state), total: world.ids.length, ...world.changes }
          : { error: "cannotCalculateChanges" };
      default:
        return { error: "unknownMethod" };
    }
  };
}

function made(size: number): { world: World; fake: Fake; listing: Listing; emails: Emails } {
  const world: World = { ids: Array.from({ length: size }, (_, i) => `m${i}`), state: 1 };
  const fake = fakeClient(server(world));
  const emails = new Emails();
  return { world, fake, emails, listing: new Listing(fake.client, emails, { inMailbox: "inbox" }) };
}

async function refresh(listing: Listing, fake: Fake): Promise<void> {
  const batch = fake.client.batch();
  const wanted = listing.addRefresh(batch);
  if (wanted.changes) await batch.send();
  await listing.finishRefresh(wanted);
}

const queries = (fake: Fake): Record<string, unknown>[] => fake.calls.filter(([name]) => name === "Email/query").map(([, args]) => args);

test("only the rows on the screen and a page more are fetched", async () => {
  const { listing, fake } = made(100_000);
  listing.show(0, 15);
  await listing.settled();
  assert.equal(listing.total.value, 100_000);
  assert.equal(listing.ids.at(0), "m0");
  assert.ok(listing.ids.all().length <= 3 * PAGE);
  assert.ok(queries(fake).length <= 2);
});

test("going on is by anchor, jumping is by position", async () => {
  const { listing, fake } = made(1_000);
  listing.show(0, 15);
  await listing.settled();
  fake.calls.length = 0;
  listing.show(listing.ids.all().length - 1, listing.ids.all().length + 10);
  await listing.settled();
  assert.ok(queries(fake).every((args) => typeof args["anchor"] === "string"));
  fake.calls.length = 0;
  listing.show(700, 715);
  await listing.settled();
  assert.equal(queries(fake)[0]?.["position"], 700);
  assert.equal(listing.ids.at(700), "m700");
});

test("new mail moves the rows down without asking for them again", async () => {
  const { listing, fake, world } = made(200);
  listing.show(0, 15);
  await listing.settled();
  world.ids.unshift("new");
  world.state = 2;
  world.changes = { removed: [], added: [{ id: "new", index: 0 }] };
  fake.calls.length = 0;
  await refresh(listing, fake);
  assert.deepEqual([listing.ids.at(0), listing.ids.at(1), listing.total.value], ["new", "m0", 201]);
  assert.equal(queries(fake).length, 0);
});

test("a message added that was never fetched is fetched", async () => {
  const { listing, fake, world, emails } = made(200);
  listing.show(0, 15);
  await listing.settled();
  world.ids.unshift("new");
  world.changes = { removed: [], added: [{ id: "new", index: 0 }] };
  await refresh(listing, fake);
  assert.equal(emails.peek("new")?.id, "new");
});

test("where changes cannot be told the screen is asked for anew (RFC 8620 §5.6)", async () => {
  const { listing, fake, world } = made(200);
  listing.show(100, 115);
  await listing.settled();
  world.ids.splice(0, 50);
  world.state = 2;
  await refresh(listing, fake);
  assert.equal(listing.total.value, 150);
  assert.equal(listing.ids.at(100), "m150");
});

test("rows taken out come back where they were", async () => {
  const { listing } = made(200);
  listing.show(0, 15);
  await listing.settled();
  const before = listing.ids.all();
  const back = listing.takeOut(["m3", "m5", "m4"]);
  assert.equal(listing.total.value, 197);
  assert.equal(listing.ids.at(3), "m6");
  back();
  assert.deepEqual(listing.ids.all(), before);
});

test("a removal the server confirms later is no surprise", async () => {
  const { listing, fake, world } = made(200);
  listing.show(0, 15);
  await listing.settled();
  listing.takeOut(["m3"]);
  world.ids.splice(3, 1);
  world.state = 2;
  world.changes = { removed: ["m3"], added: [] };
  fake.calls.length = 0;
  await refresh(listing, fake);
  assert.equal(queries(fake).length, 0);
  assert.equal(listing.ids.at(3), "m4");
});

test("a message is found by its id, however deep it lies", async () => {
  const { listing } = made(5_000);
  listing.show(0, 15);
  await listing.settled();
  assert.equal(await listing.locate("m4321"), true);
  assert.equal(listing.ids.indexOf("m4321"), 4321);
  assert.equal(await listing.locate("nowhere"), false);
});

test("a failure is told, and a later success forgets it", async () => {
  let down = true;
  const world: World = { ids: ["m0"], state: 1 };
  const real = server(world);
  const fake = fakeClient((name, args) => {
    if (down) throw new TypeError("network");
    return real(name, args);
  });
  const listing = new Listing(fake.client, new Emails(), {});
  listing.show(0, 15);
  await listing.settled();
  assert.match(listing.failure.value ?? "", /cannot be reached/);
  down = false;
  await listing.reload();
  assert.equal(listing.failure.value, null);
  assert.equal(listing.total.value, 1);
});

test("a server that sends less than it counts is not asked for ever", async () => {
  const fake = fakeClient((name) =>
    name === "Email/query" ? { queryState: "1", canCalculateChanges: false, position: 0, ids: [], total: 10 } : { state: "s", list: [], notFound: [] },
  );
  const listing = new Listing(fake.client, new Emails(), {});
  listing.show(0, 15);
  await listing.settled();
  assert.ok(queries(fake).length < 5);
});
