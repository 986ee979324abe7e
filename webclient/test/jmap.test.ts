import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "../src/core/http.js";
import { expand, JmapClient, MethodError } from "../src/jmap/client.js";
import type { GetResponse, QueryResponse, SessionObject } from "../src/jmap/types.js";

const session: SessionObject = {
  capabilities: { "urn:ietf:params:jmap:core": { maxObjectsInSet: 7, maxCallsInRequest: 3 } },
  accounts: { A1: { name: "alice@example.test" } },
  primaryAccounts: { "urn:ietf:params:jmap:mail": "A1" },
  username: "alice@example.test",
  apiUrl: "/jmap/api",
  downloadUrl: "/jmap/download/{accountId}/{blobId}/{name}?accept={type}",
  uploadUrl: "/jmap/upload/{accountId}",
  eventSourceUrl: "/jmap/eventsource?types={types}&closeafter={closeafter}&ping={ping}",
  state: "1",
};

interface Sent {
  using: string[];
  methodCalls: [string, Record<string, unknown>, string][];
}

function client(answer: unknown, status = 200): { jmap: JmapClient; sent: Sent[] } {
  const sent: Sent[] = [];
  const fetcher = (_url: unknown, init?: RequestInit): Promise<Response> => {
    sent.push(JSON.parse(init?.body as string) as Sent);
    const type = status === 200 ? "application/json" : "application/problem+json";
    return Promise.resolve(new Response(JSON.stringify(answer), { status, headers: { "content-type": type } }));
  };
  return { jmap: new JmapClient(session, fetcher), sent };
}

test("a batch sends one request with references and gives each call its answer", async () => {
  const { jmap, sent } = client({
    methodResponses: [
      ["Email/query", { ids: ["m1"], queryState: "q" }, "c0"],
      ["Email/get", { list: [{ id: "m1" }], state: "s", notFound: [] }, "c1"],
    ],
  });
  const batch = jmap.batch();
  const query = batch.add<QueryResponse>("Email/query", { limit: 1 });
  const get = batch.add<GetResponse<{ id: string }>>("Email/get", { "#ids": query.ref("/ids") });
  await batch.send();
  assert.deepEqual(query.value.ids, ["m1"]);
  assert.equal(get.value.list[0]?.id, "m1");
  assert.equal(sent.length, 1);
  assert.deepEqual(sent[0]!.methodCalls[1], [
    "Email/get",
    { accountId: "A1", "#ids": { resultOf: "c0", name: "Email/query", path: "/ids" } },
    "c1",
  ]);
});

test("a method error is thrown by its own call only (RFC 8620 §3.6.2)", async () => {
  const { jmap } = client({
    methodResponses: [
      ["error", { type: "cannotCalculateChanges" }, "c0"],
      ["Mailbox/get", { list: [] }, "c1"],
    ],
  });
  const batch = jmap.batch();
  const broken = batch.add("Email/queryChanges", {});
  const fine = batch.add<GetResponse<unknown>>("Mailbox/get", {});
  await batch.send();
  assert.equal(broken.error?.type, "cannotCalculateChanges");
  assert.throws(() => broken.value, MethodError);
  assert.deepEqual(fine.value.list, []);
});

test("a call without an answer is an error, not undefined", async () => {
  const { jmap } = client({ methodResponses: [] });
  await assert.rejects(jmap.call("Email/get", {}), MethodError);
});

test("a refused request is a Problem with the server's words", async () => {
  const { jmap } = client({ type: "urn:ietf:params:jmap:error:limit", title: "Too large", detail: "At most 10 MB." }, 400);
  await assert.rejects(jmap.call("Email/get", {}), (error) => error instanceof Problem && error.message === "At most 10 MB.");
});

test("the server's limits are kept", async () => {
  const { jmap } = client({ methodResponses: [] });
  assert.equal(jmap.limits.maxObjectsInSet, 7);
  const batch = jmap.batch();
  for (let i = 0; i < 4; i += 1) batch.add("Core/echo", {});
  await assert.rejects(batch.send(), MethodError);
});

test("URI templates escape what they are filled with", () => {
  assert.equal(expand("/d/{a}/{b}", { a: "x/y", b: "ä?" }), "/d/x%2Fy/%C3%A4%3F");
  const { jmap } = client({});
  assert.equal(jmap.downloadUrl("B", "a b.pdf", "application/pdf"), "/jmap/download/A1/B/a%20b.pdf?accept=application%2Fpdf");
});
