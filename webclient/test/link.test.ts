import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../src/chat/backoff.js";
import { Link } from "../src/chat/link.js";
import type { Stream, StreamOptions } from "../src/chat/stream.js";
import { Problem } from "../src/core/http.js";

const page = { addEventListener: () => undefined, removeEventListener: () => undefined, visibilityState: "visible" };
Object.assign(globalThis, { document: page, addEventListener: page.addEventListener, removeEventListener: page.removeEventListener });

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};

test("who was signed out while a lost stream waited to be resumed is offline", async () => {
  const happened: string[] = [];
  let signedIn = true;
  let given: StreamOptions | undefined;
  const stream: Stream = {
    jid: "bob@x/1",
    send: () => Promise.resolve(),
    request: () => Promise.reject(new Error("not asked")),
    close: () => undefined,
    abandon: () => undefined,
    resumed: false,
    kept: () => ({ id: "i", jid: "bob@x/1", handled: 0 }),
  };
  const link = new Link({
    backoff: new Backoff(),
    version: "1",
    token: () => (signedIn ? Promise.resolve({ jid: "bob@x", token: "t", websocket: "wss://x" }) : Promise.reject(new Problem(401, "unauthorized", "Sign in."))),
    open: (options) => {
      given = options;
      return Promise.resolve(stream);
    },
    onStanza: () => undefined,
    onOnline: () => happened.push("online"),
    onOffline: () => happened.push("offline"),
  });
  link.start();
  await turns();
  given?.onEnd("", "");
  assert.deepEqual(happened, ["online"], "it may be resumed");
  signedIn = false;
  link.hasten();
  await turns();
  assert.deepEqual(happened, ["online", "offline"]);
  link.stop("");
  assert.deepEqual(happened, ["online", "offline"]);
});
