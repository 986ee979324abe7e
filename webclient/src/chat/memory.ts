/**
 * What the page remembers about chat on this computer: how far one has read,
 * and the presence one has chosen. All tabs share it; signing out removes it.
 *
 * Unreadable or missing storage is an empty memory.
 */
import type { Entries } from "./timeline.js";

export interface Chosen {
  readonly show: "online" | "away" | "dnd" | "offline";
  readonly status: string;
}

interface Stored {
  readonly account: string;
  /** Archive id of the last message read, by bare JID; the one marked last stands last. */
  readonly read: Readonly<Record<string, string>>;
  readonly chosen: Chosen;
}

const KEY = "mailim-chat";
const SHOWS = new Set<unknown>(["online", "away", "dnd", "offline"]);
/** Conversations whose reading is remembered. */
const LIMIT = 500;

export const DEFAULT_CHOICE: Chosen = { show: "online", status: "" };

/** Reads what was stored; whatever does not fit is left out. */
export function parseMemory(text: string | null, account: string): Stored {
  const empty: Stored = { account, read: {}, chosen: DEFAULT_CHOICE };
  if (!text) return empty;
  try {
    const found = JSON.parse(text) as Partial<Stored> | null;
    if (found?.account !== account) return empty;
    const read: Record<string, string> = {};
    for (const [jid, id] of Object.entries(found.read ?? {})) if (typeof id === "string") read[jid] = id;
    const { show, status } = found.chosen ?? DEFAULT_CHOICE;
    const chosen = SHOWS.has(show) && typeof status === "string" ? { show, status } : DEFAULT_CHOICE;
    return { account, read, chosen };
  } catch {
    return empty;
  }
}

/** Sets one read mark; the oldest are forgotten beyond the limit. */
export function withRead(read: Stored["read"], jid: string, archiveId: string): Stored["read"] {
  const others = Object.entries(read).filter(([other]) => other !== jid);
  return Object.fromEntries([...others, [jid, archiveId] as const].slice(-LIMIT));
}

/**
 * The messages not read yet among the newest of a conversation.
 *
 * Read is everything up to the mark, and up to the last message of one's own:
 * who answers has read. A mark that is not among them lies before them; without
 * a mark nothing is known, and nothing counts as unread.
 */
export function unreadAfter(entries: Entries, mark: string | undefined): Entries {
  if (mark === undefined) return [];
  const last = entries.findLastIndex((item) => item.mine || item.archiveId === mark);
  return entries.slice(last + 1).filter((item) => !item.mine);
}

export class Memory {
  private stored: Stored;
  private readonly listeners = new Set<() => void>();

  constructor(private readonly account: string) {
    this.stored = this.load();
    addEventListener("storage", (event) => {
      if (event.key !== KEY) return;
      this.stored = this.load();
      for (const listener of this.listeners) listener();
    });
    document.addEventListener("submit", (event) => {
      if (event.target instanceof HTMLFormElement && event.target.getAttribute("action") === "/logout") this.clear();
    });
  }

  /** Calls `listener` when another tab has changed something. */
  follow(listener: () => void): void {
    this.listeners.add(listener);
  }

  get chosen(): Chosen {
    return this.stored.chosen;
  }

  choose(chosen: Chosen): void {
    this.save({ ...this.stored, chosen });
  }

  /** Archive id of the last message one has read in a conversation; undefined if that is not remembered. */
  readUpTo(jid: string): string | undefined {
    return this.stored.read[jid];
  }

  markRead(jid: string, archiveId: string): void {
    if (this.stored.read[jid] !== archiveId) this.save({ ...this.stored, read: withRead(this.stored.read, jid, archiveId) });
  }

  private load(): Stored {
    try {
      return parseMemory(localStorage.getItem(KEY), this.account);
    } catch {
      return parseMemory(null, this.account);
    }
  }

  private save(stored: Stored): void {
    this.stored = stored;
    try {
      localStorage.setItem(KEY, JSON.stringify(stored));
    } catch {
      // no storage: remembered until the page is closed
    }
  }

  private clear(): void {
    try {
      localStorage.removeItem(KEY);
      sessionStorage.removeItem(DOCK_KEY);
    } catch {
      // nothing was stored then
    }
  }
}

/** Where a tab keeps which windows are open. */
export const DOCK_KEY = "mailim-chat-dock";
