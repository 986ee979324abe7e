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
import { type Kept, Management } from "./resuming.js";

export interface StreamOptions {
  readonly service: string;
  readonly domain: string;
  readonly resource: string;
  readonly username: string;
  readonly password: string;
  readonly version: string;
  /** The stream to take up again, if the server still has it. */
  readonly resume: Kept | null;
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
  /** Whether it took up the one that was to be resumed. */
  readonly resumed: boolean;
  /** What takes it up again once its connection is lost; null: nothing does. */
  readonly kept: () => Kept | null;
  /** Lets go of the connection without ending the stream, which may be resumed. */
  readonly abandon: () => void;
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

interface Parts {
  readonly entity: Client;
  readonly iq: IqCaller;
  readonly management: Management;
}

function assemble(options: StreamOptions, onResumed: () => void): Parts {
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
  const management = new Management(entity, features, options.resume, onResumed);
  resourceBinding({ streamFeatures: features, iqCaller: iq }, options.resource);
  return { entity, iq, management };
}

/** What can be done with a stream until it is over. */
function usable({ entity, iq, management }: Parts, over: () => boolean): Pick<Stream, "jid" | "kept" | "send" | "request"> {
  const refused = (): Promise<never> => Promise.reject(new Error("the stream is over"));
  return {
    jid: entity.jid?.toString() ?? "",
    kept: () => management.kept(),
    send: (stanza) => (over() ? refused() : entity.send(stanza)),
    request: (stanza, timeout = STEP) => (over() ? refused() : iq.request(stanza, timeout)),
  };
}

/** Opens a stream and signs on; rejects with whatever went wrong first. */
export function openStream(options: StreamOptions): Promise<Stream> {
  return new Promise((resolve, reject) => {
    let open = false;
    let over = false;
    let closing = false;
    let fault: unknown = null;
    const silence = (): void => {
      over = true;
      clearTimeout(timer);
      entity.removeAllListeners();
      entity.on("error", () => undefined);
    };
    const end = (error: unknown): void => {
      if (over) return;
      silence();
      entity.stop().catch(() => undefined);
      if (closing) return;
      if (open) options.onEnd(conditionOf(error), textOf(error));
      else reject(error instanceof Error ? error : new Error("the connection could not be made"));
    };
    const opened = (resumed: boolean): void => {
      open = true;
      clearTimeout(timer);
      const abandon = (): void => {
        if (!over) silence();
        parts.entity.socket?.end();
      };
      const close = (): void => {
        closing = true;
        end(null);
      };
      resolve({ ...usable(parts, () => over), resumed, close, abandon });
    };
    const parts = assemble(options, () => opened(true));
    const { entity } = parts;
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
    entity.on("online", () => opened(false));
    entity.start().catch((error: unknown) => {
      if (!open) end(error);
    });
  });
}
