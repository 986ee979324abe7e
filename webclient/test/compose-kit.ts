// What tests of letters share: a letter, a server that keeps drafts, time that passes by hand.
import { mock } from "node:test";
import { Composer } from "../src/compose/composer.js";
import { Drafts } from "../src/compose/drafts.js";
import type { Kept } from "../src/compose/keeping.js";
import { sendLetter } from "../src/compose/sending.js";
import { UploadQueue } from "../src/compose/uploads.js";
import { fakeClient, type Answer, type Fake, type Server } from "./fake-client.js";

/** Lets promises go on; timers are faked. */
export async function settled(): Promise<void> {
  for (let round = 0; round < 30; round += 1) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
}

export async function pass(milliseconds: number): Promise<void> {
  mock.timers.tick(milliseconds);
  await settled();
}

export const identity = { id: "I1", name: "Alice", email: "alice@example.test", replyTo: null, bcc: null, textSignature: "", htmlSignature: "" };
const FOLDERS: Readonly<Record<string, string>> = { drafts: "D", sent: "S", trash: "T" };

export interface Made {
  readonly fake: Fake;
  readonly drafts: Drafts;
  readonly composer: Composer;
  readonly kept: Map<string, Kept>;
  readonly offers: { text: string; seconds: number; undo: () => void }[];
  readonly stage: string[];
  readonly send: () => Promise<void>;
}

export function made(server: Server, queue = new UploadQueue("/u")): Made {
  const fake = fakeClient(server);
  const drafts = new Drafts(fake.client, (role) => FOLDERS[role]);
  const kept = new Map<string, Kept>();
  const keeper = {
    put: (one: Kept): Promise<void> => Promise.resolve(void kept.set(one.key, one)),
    remove: (key: string): Promise<void> => Promise.resolve(void kept.delete(key)),
    all: (): Promise<readonly Kept[]> => Promise.resolve([...kept.values()]),
  };
  const tools = { accountId: "A1", drafts, queue, limits: { one: 100, all: 150 }, keeper, complain: (text: string) => void stage.push(text), moved: () => undefined };
  const composer = new Composer("k1", [identity], tools);
  const offers: Made["offers"] = [];
  const stage: string[] = [];
  const send = (): Promise<void> =>
    sendLetter(composer, drafts, { offer: (text, seconds, undo) => offers.push({ text, seconds, undo }) }, { leave: () => stage.push("leave"), reopen: () => stage.push("reopen"), focus: (field) => stage.push(field) });
  return { fake, drafts, composer, kept, offers, stage, send };
}

/** A server that keeps drafts; `over` answers what it does itself. */
export function server(over: Partial<Record<string, (args: Record<string, unknown>) => Answer>> = {}): Server {
  let next = 1;
  return (name, args) => {
    // A look whether a draft is still one: `look` answers it in another way.
    const looks = name === "Email/get" && String(args["properties"]) === "mailboxIds";
    const own = over[looks ? "look" : name]?.(args);
    if (own) return own;
    if (looks) return { state: "2", list: (args["ids"] as string[]).map((id) => ({ id, mailboxIds: { D: true } })), notFound: [] };
    if (name === "Email/set") return { newState: "2", created: args["create"] ? { draft: { id: `M${next++}` } } : null, updated: {}, destroyed: args["destroy"] ?? [] };
    if (name === "Email/get") return { state: "2", list: [{ id: "x", attachments: [] }], notFound: [] };
    if (name === "EmailSubmission/set") return { newState: "2", created: { send: { id: "S1", sendAt: new Date(Date.now() + 20_000).toISOString() } }, updated: args["update"] ?? null };
    return { error: "unknownMethod" };
  };
}

export const sets = (fake: Fake): Record<string, unknown>[] => fake.calls.filter(([name]) => name === "Email/set").map(([, args]) => args);
