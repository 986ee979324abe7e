/**
 * The messages of one conversation in order, each of them once.
 *
 * The same message can come live, as a carbon, out of the archive, and again
 * when it was kept while one was away. It is the same if its archive id is the
 * same, or, for what was sent from here, if the id given here is. Ids that
 * others choose prove nothing, so nobody can make a message of somebody else
 * disappear.
 *
 * All functions give new lists; lists are never changed in place.
 */
import type { ReadMessage } from "./reading.js";

/**
 * waiting: not sent yet, there is no connection. sending: on its way.
 * recorded: the server has it. delivered: a receipt came. failed: see `error`.
 */
export type Delivery = "waiting" | "sending" | "recorded" | "delivered" | "failed";

export interface Entry {
  /** Never changes while the page is open. */
  readonly key: string;
  readonly archiveId: string | undefined;
  readonly id: string | undefined;
  readonly mine: boolean;
  readonly headline: boolean;
  readonly subject: string | undefined;
  readonly body: string;
  readonly time: number;
  /** It was kept on the server until one came back. */
  readonly late: boolean;
  /** Of one's own messages only. */
  readonly delivery: Delivery | undefined;
  readonly error: string | undefined;
  /** It has been counted as unread, or need not be. */
  readonly announced: boolean;
}

export type Entries = readonly Entry[];

let keys = 0;

/** An entry for a message that was read; null if it has no text. */
export function entryOf(message: ReadMessage, announced: boolean): Entry | null {
  if (message.body === undefined || (message.body === "" && !message.subject)) return null;
  keys += 1;
  return {
    key: `m${keys}`,
    archiveId: message.archiveId,
    id: message.id,
    mine: message.mine,
    headline: message.type === "headline",
    subject: message.subject,
    body: message.body,
    time: message.time,
    late: message.delayed && !message.mine,
    delivery: message.mine ? "recorded" : undefined,
    error: undefined,
    announced: announced || message.mine,
  };
}

/** An entry for a message written here. */
export function draftEntry(id: string, body: string, time: number, delivery: Delivery): Entry {
  keys += 1;
  return { key: `m${keys}`, archiveId: undefined, id, mine: true, headline: false, subject: undefined, body, time, late: false, delivery, error: undefined, announced: true };
}

function same(left: Entry, right: Entry): boolean {
  if (left.archiveId !== undefined && right.archiveId !== undefined) return left.archiveId === right.archiveId;
  return left.mine && right.mine && left.id !== undefined && left.id === right.id;
}

const STAGE: Readonly<Record<Delivery, number>> = { waiting: 0, failed: 1, sending: 2, recorded: 3, delivered: 4 };

/** The further of two stages; whatever is in the archive has at least been recorded. */
function further(left: Delivery | undefined, right: Delivery | undefined): Delivery | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return STAGE[left] >= STAGE[right] ? left : right;
}

function united(known: Entry, again: Entry): Entry {
  const delivery = further(known.delivery, again.delivery);
  return {
    ...known,
    archiveId: known.archiveId ?? again.archiveId,
    time: again.archiveId !== undefined && known.archiveId === undefined ? again.time : known.time,
    late: known.late || again.late,
    delivery,
    error: delivery === "failed" ? known.error : undefined,
    announced: known.announced || again.announced,
  };
}

/** Whether an entry still has to go out; such ones stay at the end. */
function isPending(entry: Entry): boolean {
  return entry.delivery === "waiting" || entry.delivery === "sending" || entry.delivery === "failed";
}

function replaced(entries: Entries, index: number, entry: Entry): Entries {
  return entries.with(index, entry);
}

/** Adds one message that came now; gives the list and whether it was new. */
export function addLive(entries: Entries, entry: Entry): { entries: Entries; added: boolean } {
  const known = entries.findLastIndex((item) => same(item, entry));
  const before = entries[known];
  if (before) return { entries: replaced(entries, known, united(before, entry)), added: false };
  return { entries: [...entries, entry], added: true };
}

/**
 * Puts a page of the archive, oldest first, where it belongs.
 *
 * end: the page before everything known ("start"), or the newest there is
 * ("end"). Messages known already hold their place, and what the page has
 * between them goes between them.
 */
export function mergePage(entries: Entries, page: Entries, end: "start" | "end"): Entries {
  const result = [...entries];
  let cursor = 0;
  if (end === "end") {
    cursor = result.length;
    for (let last = result[cursor - 1]; last && isPending(last); last = result[cursor - 1]) cursor -= 1;
  }
  for (const entry of page.toReversed()) {
    const known = result.findLastIndex((item) => same(item, entry));
    const before = result[known];
    if (before) {
      result[known] = united(before, entry);
      cursor = known;
    } else {
      result.splice(cursor, 0, entry);
    }
  }
  return result;
}

/** Changes the own message with this id; the same list if there is none. */
export function changeOwn(entries: Entries, id: string, change: Partial<Pick<Entry, "delivery" | "error" | "time">>): Entries {
  const index = entries.findLastIndex((item) => item.mine && item.id === id);
  const entry = entries[index];
  if (!entry) return entries;
  return replaced(entries, index, { ...entry, ...change });
}

/** Marks an own message as delivered by its receipt. */
export function confirm(entries: Entries, id: string): Entries {
  const entry = entries.find((item) => item.mine && item.id === id);
  return entry && entry.delivery !== "delivered" ? changeOwn(entries, id, { delivery: "delivered", error: undefined }) : entries;
}

/** The oldest archive id of a list: older pages lie before it. */
export function oldestId(entries: Entries): string | undefined {
  return entries.find((item) => item.archiveId !== undefined)?.archiveId;
}

/** Own messages that have to be sent, or whose fate is not known since the connection broke. */
export function unsent(entries: Entries): Entries {
  return entries.filter((item) => item.delivery === "waiting" || item.delivery === "sending");
}
