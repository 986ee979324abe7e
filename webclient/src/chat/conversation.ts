/** One conversation: its messages, what is unread, whether the other side is typing, what one has begun to write. */
import { computed, signal } from "@preact/signals";
import { changeOwn, confirm, type Entries, type Entry, mergePage, addLive } from "./timeline.js";

/** How much of the archive is here. */
export type HistoryState = "unknown" | "loading" | "more" | "complete" | "failed";

/** Typing is forgotten if nothing follows: the other side may have lost its connection. */
const TYPING = 45_000;

export class Conversation {
  readonly entries = signal<Entries>([]);
  readonly unread = signal(0);
  readonly typing = signal(false);
  readonly history = signal<HistoryState>("unknown");
  readonly draft = signal("");
  /** Key of the first message that was unread when one looked last, for the line above it. */
  readonly newFrom = signal<string | null>(null);
  readonly last = computed<Entry | undefined>(() => this.entries.value.at(-1));
  private typingTimer: ReturnType<typeof setTimeout> | undefined;
  /** Receipts whose message is not here yet: it may be in an older page. */
  private readonly receipts = new Set<string>();

  /** `jid` is the bare JID of the other side. */
  constructor(readonly jid: string) {}

  /** Takes in a message that came now; true if it was not known or not announced yet. */
  add(entry: Entry): boolean {
    const known = this.entries.value.find((item) => item.archiveId !== undefined && item.archiveId === entry.archiveId);
    const { entries, added } = addLive(this.entries.value, { ...entry, announced: true });
    this.entries.value = entries;
    return added || known?.announced === false;
  }

  /** Takes in a page of the archive, oldest first. */
  merge(page: Entries, receipts: readonly string[], end: "start" | "end"): void {
    this.entries.value = mergePage(this.entries.value, page, end);
    for (const id of [...receipts, ...this.receipts]) this.receipt(id);
  }

  receipt(id: string): void {
    const before = this.entries.value;
    this.entries.value = confirm(before, id);
    if (before.some((item) => item.mine && item.id === id)) this.receipts.delete(id);
    else this.receipts.add(id);
  }

  change(id: string, change: Parameters<typeof changeOwn>[2]): void {
    this.entries.value = changeOwn(this.entries.value, id, change);
  }

  remove(key: string): void {
    this.entries.value = this.entries.value.filter((item) => item.key !== key);
  }

  setTyping(on: boolean): void {
    clearTimeout(this.typingTimer);
    this.typing.value = on;
    if (on) this.typingTimer = setTimeout(() => (this.typing.value = false), TYPING);
  }

  /** Counts messages as unread, each of them once. */
  countUnread(fresh: Entries): void {
    const first = fresh[0];
    if (!first) return;
    if (this.unread.value === 0) this.newFrom.value = first.key;
    this.unread.value += fresh.length;
    const counted = new Set(fresh.map((entry) => entry.key));
    this.entries.value = this.entries.value.map((entry) => (counted.has(entry.key) && !entry.announced ? { ...entry, announced: true } : entry));
  }

  /** Forgets what came from the server, keeps what still has to go out. */
  forget(): void {
    this.entries.value = this.entries.value.filter((item) => item.mine && item.delivery !== "recorded" && item.delivery !== "delivered");
    this.history.value = "unknown";
  }
}
