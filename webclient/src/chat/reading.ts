/**
 * Reads the stanzas that arrive into plain values.
 *
 * What only one's own server may say (roster pushes, carbons, archive results,
 * stanza ids) is taken from nobody else.
 */
import type { Element } from "@xmpp/xml";
import type { Show } from "./index.js";
import { bareOf, resourceOf } from "./jids.js";
import { NS } from "./ns.js";
import type { ResourcePresence } from "./presence.js";
import type { ChatState } from "./stanzas.js";

export interface ReadMessage {
  /** Bare JID of the other side. */
  readonly peer: string;
  readonly from: string;
  readonly mine: boolean;
  readonly type: "chat" | "headline" | "error";
  /** The id its sender gave it (RFC 6120 §8.1.3), its origin id if it has one. */
  readonly id: string | undefined;
  /** Its place in one's own archive (XEP-0359, XEP-0313). */
  readonly archiveId: string | undefined;
  readonly body: string | undefined;
  readonly subject: string | undefined;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** It waited on the server before it came here (XEP-0203). */
  readonly delayed: boolean;
  readonly state: ChatState | undefined;
  readonly wantsReceipt: boolean;
  readonly receiptFor: string | undefined;
  readonly error: StanzaFault | undefined;
}

export interface StanzaFault {
  readonly condition: string;
  readonly type: string;
  readonly text: string;
}

const STATES = new Set<string>(["active", "composing", "paused", "inactive", "gone"]);

/** The error of a stanza of type "error" (RFC 6120 §8.3.2). */
export function readFault(stanza: Element): StanzaFault {
  const error = stanza.getChild("error");
  const parts = error?.getChildElements().filter((item) => item.getNS() === NS.stanzas) ?? [];
  const condition = parts.find((item) => item.name !== "text")?.name ?? "undefined-condition";
  const text = parts.find((item) => item.name === "text")?.text() ?? "";
  return { condition, type: error?.attrs["type"] ?? "cancel", text };
}

function stampOf(holder: Element | undefined): number | undefined {
  const stamp = holder?.getChild("delay", NS.delay)?.attrs["stamp"];
  const time = stamp ? Date.parse(stamp) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

/** The text of a child in the stanza's own namespace; among several languages the one without a tag, else the first. */
function childText(stanza: Element, name: string): string | undefined {
  const all = stanza.getChildren(name).filter((item) => item.getNS() === NS.client || item.attrs["xmlns"] === undefined);
  const found = all.find((item) => item.attrs["xml:lang"] === undefined) ?? all[0];
  return found?.text();
}

function archiveIdOf(stanza: Element, own: string): string | undefined {
  const ids = stanza.getChildren("stanza-id", NS.sid);
  return ids.find((item) => bareOf(item.attrs["by"] ?? "") === own)?.attrs["id"];
}

function messageType(stanza: Element): ReadMessage["type"] | null {
  const type = stanza.attrs["type"];
  if (type === "groupchat") return null; // rooms are not part of this yet
  return type === "headline" || type === "error" ? type : "chat";
}

/** What stands around a message that was forwarded: its time and its id in the archive. */
interface Wrapping {
  readonly time?: number | undefined;
  readonly archiveId?: string | undefined;
}

/** Reads a message; `own` is one's bare JID, `now` in milliseconds. Null for what does not concern one-to-one chat. */
export function readMessage(stanza: Element, own: string, now: number, wrapping: Wrapping = {}): ReadMessage | null {
  const type = messageType(stanza);
  if (!type) return null;
  const from = stanza.attrs["from"] ?? own;
  const mine = bareOf(from) === own && type !== "error";
  const peer = mine ? bareOf(stanza.attrs["to"] ?? own) : bareOf(from);
  const delay = stampOf(stanza);
  const state = stanza.getChildElements().find((item) => item.getNS() === NS.states && STATES.has(item.name))?.name;
  const id = (mine ? stanza.getChild("origin-id", NS.sid)?.attrs["id"] : undefined) ?? stanza.attrs["id"];
  return {
    peer,
    from,
    mine,
    type,
    id,
    archiveId: wrapping.archiveId ?? archiveIdOf(stanza, own),
    body: childText(stanza, "body"),
    subject: childText(stanza, "subject"),
    time: delay ?? wrapping.time ?? now,
    delayed: delay !== undefined,
    state: state as ChatState | undefined,
    wantsReceipt: stanza.getChild("request", NS.receipts) !== undefined,
    receiptFor: stanza.getChild("received", NS.receipts)?.attrs["id"],
    error: type === "error" ? readFault(stanza) : undefined,
  };
}

function forwarded(holder: Element | undefined): { message: Element; time: number | undefined } | null {
  const inside = holder?.getChild("forwarded", NS.forward);
  const message = inside?.getChild("message", NS.client) ?? inside?.getChild("message");
  return message ? { message, time: stampOf(inside) } : null;
}

/** The message inside a carbon (XEP-0280), if this is one and comes from one's own account (§11). */
export function readCarbon(stanza: Element, own: string, now: number): ReadMessage | null {
  const carbon = stanza.getChild("received", NS.carbons) ?? stanza.getChild("sent", NS.carbons);
  if (!carbon || bareOf(stanza.attrs["from"] ?? own) !== own) return null;
  const found = forwarded(carbon);
  return found && readMessage(found.message, own, now, { time: found.time });
}

export function isCarbon(stanza: Element): boolean {
  return stanza.getChild("received", NS.carbons) !== undefined || stanza.getChild("sent", NS.carbons) !== undefined;
}

/** One result of an archive query, with the query it belongs to; null if it is none or not from one's own archive. */
export function readArchived(stanza: Element, own: string, now: number): { queryid: string; message: ReadMessage | null } | null {
  const result = stanza.getChild("result", NS.mam);
  const queryid = result?.attrs["queryid"];
  if (!result || queryid === undefined || bareOf(stanza.attrs["from"] ?? own) !== own) return null;
  const found = forwarded(result);
  if (!found) return { queryid, message: null };
  return { queryid, message: readMessage(found.message, own, now, { time: found.time, archiveId: result.attrs["id"] }) };
}

export interface ArchivePageEnd {
  readonly complete: boolean;
  readonly first: string | undefined;
  readonly last: string | undefined;
}

/** The end of a page (XEP-0313 §4.3), out of the answer to the query. */
export function readPageEnd(iq: Element): ArchivePageEnd {
  const fin = iq.getChild("fin", NS.mam);
  const paging = fin?.getChild("set", NS.rsm);
  return {
    complete: fin?.attrs["complete"] === "true",
    first: paging?.getChildText("first") ?? undefined,
    last: paging?.getChildText("last") ?? undefined,
  };
}

export interface RosterItem {
  readonly jid: string;
  readonly name: string;
  readonly subscription: "none" | "to" | "from" | "both";
  readonly asked: boolean;
  readonly groups: readonly string[];
}

/** The items and the version of a roster answer or push (RFC 6121 §2.1); an item to be removed has only its address. */
export function readRoster(iq: Element): { ver: string | undefined; items: RosterItem[]; removed: string[] } | null {
  const query = iq.getChild("query", NS.roster);
  if (!query) return null;
  const items: RosterItem[] = [];
  const removed: string[] = [];
  for (const item of query.getChildren("item")) {
    const jid = bareOf(item.attrs["jid"] ?? "");
    if (!jid) continue;
    const kind = item.attrs["subscription"] ?? "none";
    if (kind === "remove") removed.push(jid);
    else {
      items.push({
        jid,
        name: item.attrs["name"] ?? "",
        subscription: kind === "to" || kind === "from" || kind === "both" ? kind : "none",
        asked: item.attrs["ask"] === "subscribe",
        groups: item.getChildren("group").map((group) => group.text()),
      });
    }
  }
  return { ver: query.attrs["ver"], items, removed };
}

const SHOWS = new Set<string>(["chat", "away", "xa", "dnd"]);

/** Availability out of a presence stanza; null inside for unavailable. */
export function readPresence(stanza: Element): { bare: string; resource: string; presence: ResourcePresence | null; status: string | undefined } {
  const from = stanza.attrs["from"] ?? "";
  const text = childText(stanza, "status");
  const status = text?.trim() ? text.trim() : undefined;
  const show = childText(stanza, "show");
  const priority = Number.parseInt(childText(stanza, "priority") ?? "0", 10);
  const known = show !== undefined && SHOWS.has(show) ? (show as Exclude<Show, "online" | "offline">) : "online";
  const gone = stanza.attrs["type"] === "unavailable";
  return {
    bare: bareOf(from),
    resource: resourceOf(from),
    presence: gone ? null : { show: known, status, priority: Number.isNaN(priority) ? 0 : priority },
    status,
  };
}
