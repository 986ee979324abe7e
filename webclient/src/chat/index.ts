/**
 * Where chat meets the rest of the page.
 *
 * The mail view and the shell import this file only; everything else of chat
 * is in `main.tsx`, which `startChat` (load.ts) loads as a chunk of its own
 * after the first view is on the screen. `main.tsx` exports
 * `start(session): ChatParts` and reports what it learns through the signals here.
 */
import { computed, signal, type ReadonlySignal } from "@preact/signals";
import type { ComponentType } from "preact";

/** RFC 6121 §4.7.2.1 `show`, with "online" for none and "offline" for unavailable. */
export type Show = "online" | "chat" | "away" | "xa" | "dnd" | "offline";

export interface Presence {
  readonly show: Show;
  readonly status?: string | undefined;
}

/** The components chat puts into the shell's slots. */
export interface ChatParts {
  /** Contacts below the folders (and as a page of its own on a phone). */
  readonly Contacts: ComponentType<{ readonly page: boolean }>;
  /** Docked conversations over the lower edge. */
  readonly Dock: ComponentType;
  /** The page `#/chat[/<jid>]`. */
  readonly Page: ComponentType<{ readonly jid: string | undefined }>;
  /** Own presence in the top bar. */
  readonly OwnPresence: ComponentType;
  /** Opens a conversation with a bare JID, docked on a desk, as a page on a phone. */
  readonly open: (jid: string) => void;
}

/** Null until the chunk has arrived; the shell shows its slots when it is there. */
export const chat = signal<ChatParts | null>(null);
/** Set when the chunk could not be loaded or started, in words for people. */
export const chatFailure = signal<string | null>(null);
/** Presence by bare JID in lower case; an address that is missing is not a contact. */
export const presences = signal<ReadonlyMap<string, Presence>>(new Map());
/** Unread chat messages, for the bottom bar and the title. */
export const chatUnread = signal(0);

const watched = new Map<string, ReadonlySignal<Presence | undefined>>();

/** The presence of an address, as a signal; undefined for those who are not contacts. */
export function presenceOf(address: string): ReadonlySignal<Presence | undefined> {
  const key = address.toLowerCase();
  let found = watched.get(key);
  if (!found) watched.set(key, (found = computed(() => presences.value.get(key))));
  return found;
}
