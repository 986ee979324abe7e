/**
 * The messages known in this tab, each as a signal, so that a change of one
 * redraws one row.
 *
 * A keyword or folder changed here shows at once; until the server has
 * confirmed it, it lies over whatever older answers still arrive.
 */
import { signal, type ReadonlySignal, type Signal } from "@preact/signals";
import type { EmailSummary, Id } from "../jmap/types.js";

/** A change shown before the server has confirmed it. */
export interface Overlay {
  readonly keywords?: Readonly<Record<string, boolean>>;
  readonly mailboxIds?: Readonly<Record<Id, boolean>>;
}

const LIMIT = 4_000;

function laidOver(email: EmailSummary, overlay: Overlay): EmailSummary {
  const keywords: Record<string, boolean> = { ...email.keywords };
  for (const [name, on] of Object.entries(overlay.keywords ?? {})) {
    if (on) keywords[name] = true;
    else Reflect.deleteProperty(keywords, name);
  }
  return { ...email, keywords, mailboxIds: overlay.mailboxIds ?? email.mailboxIds };
}

export class Emails {
  private readonly known = new Map<Id, Signal<EmailSummary | undefined>>();
  private readonly confirmed = new Map<Id, EmailSummary>();
  private readonly overlays = new Map<Id, readonly Overlay[]>();
  /** State of the Email type (RFC 8620 §5.1) that the cache is at. */
  state = "";

  /** The message as a signal; undefined while it is not loaded. */
  watch(id: Id): ReadonlySignal<EmailSummary | undefined> {
    return this.slot(id);
  }
  peek(id: Id): EmailSummary | undefined {
    return this.known.get(id)?.peek();
  }
  has(id: Id): boolean {
    return this.confirmed.has(id);
  }

  put(emails: readonly EmailSummary[]): void {
    for (const email of emails) {
      this.confirmed.set(email.id, email);
      this.show(email.id);
    }
  }
  drop(ids: readonly Id[]): void {
    for (const id of ids) {
      this.confirmed.delete(id);
      const slot = this.known.get(id);
      if (slot) slot.value = undefined;
    }
  }
  /** Forgets all but these: the rest may have changed unseen. */
  retain(ids: ReadonlySet<Id>): void {
    this.drop([...this.confirmed.keys()].filter((id) => !ids.has(id)));
  }

  /** Lays a change over messages; the function returned takes it off, keeping it as confirmed or not. */
  overlay(ids: readonly Id[], overlay: Overlay): (settle: (id: Id) => boolean) => void {
    for (const id of ids) {
      this.overlays.set(id, [...(this.overlays.get(id) ?? []), overlay]);
      this.show(id);
    }
    return (settle) => {
      for (const id of ids) {
        const rest = (this.overlays.get(id) ?? []).filter((item) => item !== overlay);
        if (rest.length) this.overlays.set(id, rest);
        else this.overlays.delete(id);
        const email = this.confirmed.get(id);
        if (email && settle(id)) this.confirmed.set(id, laidOver(email, overlay));
        this.show(id);
      }
    };
  }

  /** Forgets the oldest beyond the limit, but none of `keep`. */
  trim(keep: ReadonlySet<Id>): void {
    for (const id of this.confirmed.keys()) {
      if (this.confirmed.size <= LIMIT) return;
      if (keep.has(id) || this.overlays.has(id)) continue;
      this.confirmed.delete(id);
      this.known.delete(id);
    }
  }

  private slot(id: Id): Signal<EmailSummary | undefined> {
    let slot = this.known.get(id);
    if (!slot) this.known.set(id, (slot = signal(undefined)));
    return slot;
  }
  private show(id: Id): void {
    const email = this.confirmed.get(id);
    const slot = this.slot(id);
    if (email) slot.value = (this.overlays.get(id) ?? []).reduce(laidOver, email);
  }
}

export function isUnread(email: EmailSummary): boolean {
  return !email.keywords["$seen"];
}
export function isStarred(email: EmailSummary): boolean {
  return email.keywords["$flagged"] === true;
}
/** The one folder a message lies in (the server allows one). */
export function mailboxOf(email: EmailSummary): Id | undefined {
  return Object.keys(email.mailboxIds)[0];
}
