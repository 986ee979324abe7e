/** Brings conversations and the archive together: older pages when asked for, what was missed when one comes back. */
import type { Archive, ArchivePage } from "./archive.js";
import type { Conversation } from "./conversation.js";
import { unreadAfter } from "./memory.js";
import type { ReadMessage } from "./reading.js";
import { conditionOf } from "./stream.js";
import { type Entries, entryOf } from "./timeline.js";

export interface HistoryOptions {
  readonly conversation: (jid: string) => Conversation;
  readonly all: () => Iterable<Conversation>;
  /** How far one has read, see `Memory`. */
  readonly readUpTo: (jid: string) => string | undefined;
  /** What came while one was not connected and has not been read. */
  readonly onMissed: (conversation: Conversation, missed: Entries) => void;
}

/** Messages of a page; receipts and the like count too, so that fewer may be seen. */
const PAGE = 50;
/** Messages that a conversation should have to show when it is opened, if there are so many. */
const ENOUGH = 20;
const CATCH_UP_PAGE = 100;
const CATCH_UP_PAGES = 10;

function entriesOf(messages: readonly ReadMessage[], announced: boolean): Entries {
  return messages.map((message) => entryOf(message, announced)).filter((entry) => entry !== null);
}

function receiptsOf(messages: readonly ReadMessage[]): string[] {
  return messages.filter((message) => !message.mine).map((message) => message.receiptFor).filter((id) => id !== undefined);
}

function byPeer(messages: readonly ReadMessage[]): Map<string, ReadMessage[]> {
  const groups = new Map<string, ReadMessage[]>();
  for (const message of messages) {
    const group = groups.get(message.peer);
    if (group) group.push(message);
    else groups.set(message.peer, [message]);
  }
  return groups;
}

export class History {
  /** The newest id known of the whole archive: what comes after it was missed. */
  private newest: { readonly id: string; readonly time: number } | null = null;
  /** The oldest id fetched of a conversation: older pages lie before it. */
  private readonly cursors = new WeakMap<Conversation, string>();

  constructor(private readonly options: HistoryOptions) {}

  /** Notes a message that came live. */
  note(message: ReadMessage): void {
    if (message.archiveId === undefined) return;
    if (!this.newest || message.time >= this.newest.time) this.newest = { id: message.archiveId, time: message.time };
  }

  /** Fetches older messages until there is something to see; the newest ones first. */
  async older(archive: Archive, conversation: Conversation): Promise<void> {
    const state = conversation.history.value;
    if (state === "loading" || state === "complete") return;
    conversation.history.value = "loading";
    try {
      let gained = 0;
      let complete = false;
      while (gained < ENOUGH && !complete) {
        const before = conversation.entries.value.length;
        complete = await this.fetchOlder(archive, conversation);
        gained += conversation.entries.value.length - before;
      }
      conversation.history.value = complete ? "complete" : "more";
    } catch (error) {
      conversation.history.value = "failed";
      if (conditionOf(error) !== "item-not-found") throw error;
      this.cursors.delete(conversation); // the id is gone from the archive: begin again from the end
    }
  }

  /** Fetches what was missed since the newest message known, or the newest ones at the beginning. */
  async catchUp(archive: Archive): Promise<void> {
    if (!this.newest) return this.first(archive);
    try {
      let after = this.newest.id;
      for (let pages = 0; pages < CATCH_UP_PAGES; pages += 1) {
        const page = await archive.page({ after, max: CATCH_UP_PAGE });
        this.absorb(page, "later");
        if (page.complete || page.last === undefined) return undefined;
        after = page.last;
      }
    } catch (error) {
      if (conditionOf(error) !== "item-not-found") throw error;
    }
    // More was missed than is worth fetching, or our place is gone: show the newest and leave no gap behind.
    this.newest = null;
    for (const conversation of this.options.all()) {
      conversation.forget();
      this.cursors.delete(conversation);
    }
    return this.first(archive);
  }

  private async fetchOlder(archive: Archive, conversation: Conversation): Promise<boolean> {
    const before = this.cursors.get(conversation);
    const page = await archive.page({ with: conversation.jid, before: before ?? "", max: PAGE });
    conversation.merge(entriesOf(page.messages, true), receiptsOf(page.messages), before === undefined ? "end" : "start");
    for (const message of page.messages) this.note(message);
    if (page.first !== undefined) this.cursors.set(conversation, page.first);
    return page.complete || page.first === undefined;
  }

  private async first(archive: Archive): Promise<void> {
    this.absorb(await archive.page({ before: "", max: CATCH_UP_PAGE }), "first");
  }

  private absorb(page: ArchivePage, kind: "first" | "later"): void {
    for (const [jid, messages] of byPeer(page.messages)) {
      const conversation = this.options.conversation(jid);
      const known = new Set(conversation.entries.value.map((entry) => entry.key));
      conversation.merge(entriesOf(messages, false), receiptsOf(messages), "end");
      const oldest = messages[0]?.archiveId;
      if (oldest !== undefined && !this.cursors.has(conversation) && kind === "first") this.cursors.set(conversation, oldest);
      if (conversation.history.value === "unknown" && kind === "first" && page.complete) conversation.history.value = "complete";
      const entries = conversation.entries.value;
      const mark = kind === "first" ? this.options.readUpTo(jid) : "";
      const missed = unreadAfter(entries, mark).filter((entry) => !entry.announced && !known.has(entry.key));
      if (missed.length) this.options.onMissed(conversation, missed);
    }
    for (const message of page.messages) this.note(message);
  }
}
