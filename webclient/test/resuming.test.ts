import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import type { Client } from "@xmpp/client-core";
import xml, { type Element } from "@xmpp/xml";
import { NS } from "../src/chat/ns.js";
import { type Kept, Management } from "../src/chat/resuming.js";

type Step = (context: unknown, next: () => Promise<unknown>) => Promise<void>;

/** A management on an entity in memory. */
function stage(former: Kept | null): { management: Management; sent: Element[]; say: (element: Element) => void; negotiate: () => Promise<void>; bound: () => number; resumed: () => number } {
  const emitter = new EventEmitter();
  const sent: Element[] = [];
  const steps: Step[] = [];
  let bound = 0;
  let resumed = 0;
  const entity = Object.assign(emitter, {
    jid: "bob@x/1",
    send: (element: Element) => Promise.resolve(void sent.push(element)),
    _jid: () => undefined,
    _ready: () => undefined,
  });
  const features = { use: (_name: string, _ns: string, step: Step) => steps.push(step) };
  const management = new Management(entity as unknown as Client, features, former, () => (resumed += 1));
  return {
    management,
    sent,
    say: (element) => emitter.emit(element.name === "message" ? "stanza" : "nonza", element),
    negotiate: () => steps[0]!({}, () => Promise.resolve(void (bound += 1))),
    bound: () => bound,
    resumed: () => resumed,
  };
}

const nonza = (name: string, attrs: Record<string, string> = {}): Element => xml(name, { xmlns: NS.management, ...attrs });

test("enabled after binding, then counted and told", async () => {
  const { management, sent, say, negotiate, bound } = stage(null);
  say(xml("message"));
  await negotiate();
  assert.equal(bound(), 1);
  assert.equal(sent.shift()?.name, "enable");
  assert.equal(management.kept(), null);
  say(nonza("enabled", { id: "i", resume: "true" }));
  say(xml("message"));
  say(xml("message"));
  say(nonza("r"));
  assert.equal(sent.shift()?.attrs["h"], "2");
  assert.deepEqual(management.kept(), { id: "i", jid: "bob@x/1", handled: 2 });
});

test("a server that does not let one resume", async () => {
  const { management, say, negotiate } = stage(null);
  await negotiate();
  say(nonza("enabled"));
  assert.equal(management.kept(), null);
});

test("resumed instead of bound, and counted on over the edge", async () => {
  const { management, sent, say, negotiate, bound, resumed } = stage({ id: "i", jid: "bob@x/1", handled: 2 ** 32 - 1 });
  const negotiated = negotiate();
  assert.deepEqual([sent[0]?.name, sent[0]?.attrs["previd"], sent[0]?.attrs["h"]], ["resume", "i", "4294967295"]);
  say(nonza("resumed", { previd: "i", h: "7" }));
  assert.equal(resumed(), 1);
  say(xml("message"));
  await negotiated;
  assert.equal(bound(), 0);
  assert.deepEqual(management.kept(), { id: "i", jid: "bob@x/1", handled: 0 });
});

test("what cannot be resumed is bound anew", async () => {
  const { sent, say, negotiate, bound, resumed } = stage({ id: "i", jid: "bob@x/1", handled: 3 });
  const negotiated = negotiate();
  say(nonza("failed"));
  await negotiated;
  assert.deepEqual([bound(), resumed(), sent.at(-1)?.name], [1, 0, "enable"]);
});
