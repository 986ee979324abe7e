/** The stanzas this page sends, and nothing else: no state, no connection. */
import xml, { type Element } from "@xmpp/xml";
import { NS } from "./ns.js";

export type ChatState = "active" | "composing" | "paused" | "inactive" | "gone";

/** Characters of one message; a server takes 256 KiB a stanza, and four octets is the most a character needs. */
export const MAX_BODY = 20_000;

/** A text as XML 1.0 can carry it (§2.2): without control characters and broken surrogates. */
export function xmlText(text: string): string {
  return text.toWellFormed().replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "").replace(/\r\n?/g, "\n");
}

/** A message with text, asking for a receipt (XEP-0184); its id is its origin id too (XEP-0359). */
export function chatMessage(to: string, id: string, body: string): Element {
  return xml(
    "message",
    { to, id, type: "chat" },
    xml("body", {}, xmlText(body)),
    xml("active", { xmlns: NS.states }),
    xml("request", { xmlns: NS.receipts }),
    xml("origin-id", { xmlns: NS.sid, id }),
  );
}

/** Only that one is typing, or not any more (XEP-0085). */
export function stateMessage(to: string, state: ChatState): Element {
  return xml("message", { to, type: "chat" }, xml(state, { xmlns: NS.states }));
}

/** That the message with this id has arrived (XEP-0184 §5.1). */
export function receipt(to: string, id: string, receiptId: string): Element {
  return xml("message", { to, id: receiptId, type: "chat" }, xml("received", { xmlns: NS.receipts, id }));
}

export interface OwnPresence {
  readonly show: "online" | "away" | "dnd" | "offline";
  readonly status?: string | undefined;
  /** Since when nobody has touched anything (XEP-0319), ISO 8601. */
  readonly idleSince?: string | undefined;
}

/** Own presence for everybody (RFC 6121 §4.2 to §4.5); "offline" is unavailable, the stream stays. */
export function presence({ show, status, idleSince }: OwnPresence): Element {
  const attrs = show === "offline" ? { type: "unavailable" } : {};
  return xml(
    "presence",
    attrs,
    show === "away" || show === "dnd" ? xml("show", {}, show) : null,
    status ? xml("status", {}, xmlText(status)) : null,
    idleSince && show !== "offline" ? xml("idle", { xmlns: NS.idle, since: idleSince }) : null,
  );
}

/** A subscription stanza (RFC 6121 §3). */
export function subscription(to: string, type: "subscribe" | "subscribed" | "unsubscribe" | "unsubscribed", id?: string): Element {
  return xml("presence", { to, type, id });
}

/** Asks for the roster; `ver` is the version one has (RFC 6121 §2.6). */
export function rosterGet(ver: string | undefined): Element {
  return xml("iq", { type: "get" }, xml("query", { xmlns: NS.roster, ver: ver ?? "" }));
}

/** Adds or changes a contact (RFC 6121 §2.3, §2.4). */
export function rosterSet(jid: string, name: string, groups: readonly string[]): Element {
  const item = xml("item", { jid, name: name ? xmlText(name) : undefined }, ...groups.map((group) => xml("group", {}, xmlText(group))));
  return xml("iq", { type: "set" }, xml("query", { xmlns: NS.roster }, item));
}

/** Takes a contact off the roster, and with it all subscriptions (RFC 6121 §2.5). */
export function rosterRemove(jid: string): Element {
  return xml("iq", { type: "set" }, xml("query", { xmlns: NS.roster }, xml("item", { jid, subscription: "remove" })));
}

export interface ArchiveQuery {
  /** Only messages with this bare JID; all without it. */
  readonly with?: string | undefined;
  /** The page before this archive id; "" is the last page. */
  readonly before?: string | undefined;
  /** The page after this archive id. */
  readonly after?: string | undefined;
  readonly max: number;
}

/** A page of the archive (XEP-0313 §4, paged with XEP-0059). */
export function archiveQuery(queryid: string, query: ArchiveQuery): Element {
  const field = (name: string, value: string, type?: string): Element => xml("field", { var: name, type }, xml("value", {}, value));
  const form = query.with === undefined ? null : xml("x", { xmlns: NS.forms, type: "submit" }, field("FORM_TYPE", NS.mam, "hidden"), field("with", query.with));
  const paging = xml(
    "set",
    { xmlns: NS.rsm },
    xml("max", {}, String(query.max)),
    query.after === undefined ? null : xml("after", {}, query.after),
    query.before === undefined ? null : xml("before", {}, query.before || null),
  );
  return xml("iq", { type: "set" }, xml("query", { xmlns: NS.mam, queryid }, form, paging));
}

/** Switches on the copies of what one's other devices send and get (XEP-0280 §4). */
export function enableCarbons(): Element {
  return xml("iq", { type: "set" }, xml("enable", { xmlns: NS.carbons }));
}

/** Asks the server for a sign of life (XEP-0199); what was sent before is dealt with when it answers (RFC 6120 §10.1). */
export function ping(domain: string): Element {
  return xml("iq", { type: "get", to: domain }, xml("ping", { xmlns: NS.ping }));
}
