// A JMAP client whose server is a function from method calls to answers.
import { JmapClient } from "../src/jmap/client.js";
import type { SessionObject } from "../src/jmap/types.js";

export type Answer = Record<string, unknown>;
export type Server = (name: string, args: Record<string, unknown>) => Answer | { error: string };

const session: SessionObject = {
  capabilities: { "urn:ietf:params:jmap:core": { maxObjectsInSet: 2 } },
  accounts: { A1: { name: "alice@example.test" } },
  primaryAccounts: { "urn:ietf:params:jmap:mail": "A1" },
  username: "alice@example.test",
  apiUrl: "/jmap/api",
  downloadUrl: "/d",
  uploadUrl: "/u",
  eventSourceUrl: "/e",
  state: "1",
};

export interface Fake {
  readonly client: JmapClient;
  readonly calls: [string, Record<string, unknown>][];
}

/** `server` throwing stands for a network that is down. */
export function fakeClient(server: Server): Fake {
  const calls: [string, Record<string, unknown>][] = [];
  const fetcher = (_url: unknown, init?: RequestInit): Promise<Response> => {
    const { methodCalls } = JSON.parse(init?.body as string) as { methodCalls: [string, Record<string, unknown>, string][] };
    const done = new Map<string, Answer>();
    const methodResponses = methodCalls.map(([name, args, id]) => {
      const filled = { ...args };
      const ids = args["#ids"] as { resultOf: string; path: string } | undefined;
      if (ids) filled["ids"] = done.get(ids.resultOf)?.[ids.path.slice(1)] ?? [];
      calls.push([name, filled]);
      const answer = server(name, filled);
      done.set(id, answer);
      return typeof answer["error"] === "string" ? ["error", { type: answer["error"] }, id] : [name, answer, id];
    });
    return Promise.resolve(new Response(JSON.stringify({ methodResponses }), { headers: { "content-type": "application/json" } }));
  };
  const safe = (url: unknown, init?: RequestInit): Promise<Response> => {
    try {
      return fetcher(url, init);
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  };
  return { client: new JmapClient(session, safe), calls };
}

/** A message summary; `over` changes it. */
export function summary(id: string, over: Answer = {}): Answer {
  return {
    id, threadId: `t${id}`, blobId: `b${id}`, mailboxIds: { inbox: true }, keywords: {}, from: null, to: null,
    subject: id, preview: "", receivedAt: "2026-11-23T00:00:00Z", size: 1, hasAttachment: false, ...over,
  };
}
