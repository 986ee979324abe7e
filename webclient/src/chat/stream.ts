/**
 * One XMPP stream over a WebSocket (RFC 7395), from its opening to its end.
 *
 * Put together from the parts of xmpp.js rather than with its `client()`:
 * PLAIN is the only mechanism here, because the password is a one-time token,
 * and connecting again is `Link`'s affair.
 */
import { Client } from "@xmpp/client-core";
import iqCallee from "@xmpp/iq/callee.js";
import iqCaller, { type IqCaller } from "@xmpp/iq/caller.js";
import middleware from "@xmpp/middleware";
import resourceBinding from "@xmpp/resource-binding";
import sasl from "@xmpp/sasl";
import plain from "@xmpp/sasl-plain";
import streamFeatures from "@xmpp/stream-features";
import websocket from "@xmpp/websocket";
import xml, { type Element } from "@xmpp/xml";
import SaslFactory from "saslmechanisms";
import { NS } from "./ns.js";

export interface StreamOptions {
  readonly service: string;
  readonly domain: string;
  readonly resource: string;
  readonly username: string;
  readonly password: string;
  readonly version: string;
  /** A message, presence or IQ set that no request waited for. */
  readonly onStanza: (stanza: Element) => void;
  /** The stream is over; `reason` is a stream error's condition, or "" when the connection was lost. */
  readonly onEnd: (reason: string, text: string) => void;
}

/** The stream as its user sees it. */
export interface Stream {
  /** The full JID the server gave. */
  readonly jid: string;
  readonly send: (stanza: Element) => Promise<void>;
  /** Sends an IQ and gives the answer; rejects with an error that has `condition` and `text`. */
  readonly request: (iq: Element, timeout?: number) => Promise<Element>;
  readonly close: () => void;
}

/** Milliseconds for each step of opening a stream. */
const STEP = 15_000;
const SIGN_ON = 30_000;

interface Named {
  readonly condition?: unknown;
  readonly text?: unknown;
}

/** The condition of an XMPP error, "" for any other error. */
export function conditionOf(error: unknown): string {
  const found = typeof error === "object" && error !== null ? (error as Named).condition : undefined;
  return typeof found === "string" ? found : "";
}

export function textOf(error: unknown): string {
  const found = typeof error === "object" && error !== null ? (error as Named).text : undefined;
  return typeof found === "string" ? found : "";
}

/** Answers what others may ask a client (XEP-0199, XEP-0030, XEP-0092). */
function answerQuestions(parts: Parameters<typeof iqCallee>[0], options: StreamOptions): void {
  const callee = iqCallee(parts);
  callee.get(NS.ping, "ping", () => ({}));
  callee.get(NS.disco, "query", () =>
    xml(
      "query",
      { xmlns: NS.disco },
      xml("identity", { category: "client", type: "web", name: "mailim" }),
      ...[NS.disco, NS.ping, NS.receipts, NS.states, NS.version].map((name) => xml("feature", { var: name })),
    ),
  );
  callee.get(NS.version, "query", () => xml("query", { xmlns: NS.version }, xml("name", {}, "mailim webmail"), xml("version", {}, options.version)));
  callee.set(NS.roster, "query", () => ({})); // the push itself is read by `onStanza`
}

function assemble(options: StreamOptions): { entity: Client; iq: IqCaller } {
  const entity = new Client({ service: options.service, domain: options.domain, timeout: STEP });
  websocket({ entity });
  const chain = middleware({ entity });
  const features = streamFeatures({ middleware: chain });
  const iq = iqCaller({ middleware: chain, entity });
  answerQuestions({ middleware: chain, entity }, options);
  const saslFactory = new SaslFactory();
  plain(saslFactory);
  sasl({ streamFeatures: features, saslFactory }, async (authenticate) => {
    await authenticate({ username: options.username, password: options.password }, "PLAIN");
  });
  resourceBinding({ streamFeatures: features, iqCaller: iq }, options.resource);
  return { entity, iq };
}

/** Opens a stream and signs on; rejects with whatever went wrong first. */
export function openStream(options: StreamOptions): Promise<Stream> {
  const { entity, iq } = assemble(options);
  return new Promise((resolve, reject) => {
    let open = false;
    let over = false;
    let closing = false;
    let fault: unknown = null;
    const end = (error: unknown): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      entity.removeAllListeners();
      entity.on("error", () => undefined);
      entity.stop().catch(() => undefined);
      if (closing) return;
      if (open) options.onEnd(conditionOf(error), textOf(error));
      else reject(error instanceof Error ? error : new Error("the connection could not be made"));
    };
    const timer = setTimeout(() => end(new Error("signing on took too long")), SIGN_ON);
    entity.on("stanza", (stanza) => {
      if (!over && open) options.onStanza(stanza);
    });
    entity.on("error", (error) => {
      fault ??= error;
      // A stream error is followed by the end of the connection, and every other error before signing on is the end.
      if (!open || conditionOf(error)) end(error);
    });
    entity.on("disconnect", () => end(fault));
    entity.on("online", () => {
      open = true;
      clearTimeout(timer);
      resolve({
        jid: entity.jid?.toString() ?? "",
        send: (stanza) => (over ? Promise.reject(new Error("the stream is over")) : entity.send(stanza)),
        request: (stanza, timeout = STEP) => (over ? Promise.reject(new Error("the stream is over")) : iq.request(stanza, timeout)),
        close: () => {
          closing = true;
          end(null);
        },
      });
    });
    entity.start().catch(end);
  });
}
