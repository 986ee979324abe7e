/**
 * What a user does to messages: shown at once, sent after, undone on request,
 * and taken back with a word of explanation when the server refuses.
 */
import { signal } from "@preact/signals";
import { explain } from "../core/http.js";
import { t, tn } from "../core/i18n.js";
import type { JmapClient } from "../jmap/client.js";
import type { EmailSummary, Id, SetError, SetResponse } from "../jmap/types.js";
import { toast, toastError } from "../ui/toast.js";
import { isUnread, mailboxOf, type Emails } from "./emails.js";
import { setErrorText } from "./errors.js";
import { mailboxName, type Mailboxes } from "./mailboxes.js";

/** The list on the screen, as far as actions touch it. */
export interface Screen {
  /** Takes rows out (and moves on from an open message among them); gives the way back. */
  readonly takeOut: (ids: readonly Id[]) => () => void;
  /** Whether messages moved to this folder leave the list. */
  readonly leaves: (target: Id) => boolean;
}

interface Undoable {
  readonly run: () => void;
}

type Updates = Readonly<Record<Id, Readonly<Record<string, unknown>>>>;

export class Actions {
  /** What `z` takes back, or null. */
  readonly lastUndo = signal<Undoable | null>(null);

  constructor(
    private readonly client: JmapClient,
    private readonly mailboxes: Mailboxes,
    private readonly emails: Emails,
    private readonly screen: () => Screen,
  ) {}

  undo(): void {
    const last = this.lastUndo.value;
    this.lastUndo.value = null;
    last?.run();
  }

  /** Sets or clears a keyword (RFC 8621 §4.1.1); `$seen` also moves the folders' unread counts. */
  async setKeyword(ids: readonly Id[], keyword: string, on: boolean): Promise<void> {
    const changing = this.known(ids).filter((email) => (email.keywords[keyword] === true) !== on);
    if (!changing.length) return;
    const wanted = changing.map((email) => email.id);
    const settle = this.emails.overlay(wanted, { keywords: { [keyword]: on } });
    const count = (emails: readonly EmailSummary[], sign: number): void => {
      if (keyword !== "$seen") return;
      for (const email of emails) this.mailboxes.adjust(mailboxOf(email) ?? "", 0, on ? -sign : sign);
    };
    count(changing, 1);
    const updates = Object.fromEntries(wanted.map((id) => [id, { [`keywords/${keyword}`]: on || null }]));
    const refused = await this.update(updates);
    settle((id) => !refused.has(id));
    count(changing.filter((email) => refused.has(email.id)), -1);
    this.complain(refused, t("The change could not be saved."));
  }

  /** Moves messages, with a toast that takes it back. */
  async move(ids: readonly Id[], target: Id): Promise<void> {
    const moving = this.known(ids).filter((email) => mailboxOf(email) !== target);
    const folder = this.mailboxes.byId.value.get(target);
    if (!moving.length || !folder) return;
    const words = { folder: mailboxName(folder) };
    const text = tn("Message moved to {folder}", "{n} messages moved to {folder}", moving.length, words);
    const origin = new Map(moving.map((email) => [email.id, mailboxOf(email) ?? ""]));
    const done = this.relocate(moving, () => target);
    const withdraw = this.offerUndo(text, async () => {
      await done;
      await this.relocate(this.known([...origin.keys()]), (email) => origin.get(email.id) ?? target);
    });
    if (!(await done)) withdraw();
  }

  /** False when the server refused some of it; those are back where they were. */
  private async relocate(moving: readonly EmailSummary[], target: (email: EmailSummary) => Id): Promise<boolean> {
    const ids = moving.map((email) => email.id);
    const settles = new Map(moving.map((email) => [email.id, this.emails.overlay([email.id], { mailboxIds: { [target(email)]: true } })]));
    const screen = this.screen();
    const leaving = moving.filter((email) => screen.leaves(target(email))).map((email) => email.id);
    const putBack = screen.takeOut(leaving);
    const count = (emails: readonly EmailSummary[], sign: number): void => {
      for (const email of emails) {
        const unread = isUnread(email) ? sign : 0;
        this.mailboxes.adjust(mailboxOf(email) ?? "", -sign, -unread);
        this.mailboxes.adjust(target(email), sign, unread);
      }
    };
    count(moving, 1);
    const refused = await this.update(Object.fromEntries(moving.map((email) => [email.id, { mailboxIds: { [target(email)]: true } }])));
    for (const id of ids) settles.get(id)?.((settled) => !refused.has(settled));
    if (!refused.size) return true;
    count(moving.filter((email) => refused.has(email.id)), -1);
    putBack();
    this.complain(refused, t("The messages could not be moved."));
    return false;
  }

  /** Removes messages for good. */
  async destroy(ids: readonly Id[]): Promise<void> {
    const going = this.known(ids);
    const putBack = this.screen().takeOut(ids);
    const count = (sign: number): void => {
      for (const email of going) this.mailboxes.adjust(mailboxOf(email) ?? "", -sign, isUnread(email) ? -sign : 0);
    };
    count(1);
    const refused = await this.send(ids, (some) => ({ destroy: some }), "notDestroyed");
    if (!refused.size) {
      toast({ text: tn("Message deleted for good", "{n} messages deleted for good", ids.length) });
      return;
    }
    count(-1);
    putBack();
    this.complain(refused, t("The messages could not be deleted."));
  }

  /** Shows what was done, with the way back; the function returned withdraws the offer. */
  private offerUndo(text: string, back: () => Promise<void>): () => void {
    const withdraw = (): void => {
      close();
      if (this.lastUndo.value === undoable) this.lastUndo.value = null;
    };
    const undoable: Undoable = {
      run: () => {
        withdraw();
        void back();
      },
    };
    const close = toast({ text, seconds: 10, action: { label: t("Undo"), run: undoable.run } });
    this.lastUndo.value = undoable;
    return withdraw;
  }

  private known(ids: readonly Id[]): EmailSummary[] {
    return ids.map((id) => this.emails.peek(id)).filter((email) => email !== undefined);
  }

  private update(updates: Updates): Promise<ReadonlyMap<Id, string>> {
    const slice = (some: readonly Id[]): Record<string, unknown> => ({ update: Object.fromEntries(some.map((id) => [id, updates[id]])) });
    return this.send(Object.keys(updates), slice, "notUpdated");
  }

  /** Sends Email/set in portions the server takes; gives what it refused, with its reasons. */
  private async send(
    ids: readonly Id[],
    args: (some: readonly Id[]) => Record<string, unknown>,
    errors: "notUpdated" | "notDestroyed",
  ): Promise<ReadonlyMap<Id, string>> {
    const refused = new Map<Id, string>();
    const size = this.client.limits.maxObjectsInSet;
    for (let at = 0; at < ids.length; at += size) {
      const some = ids.slice(at, at + size);
      try {
        const answer = await this.client.call<SetResponse>("Email/set", args(some));
        for (const [id, error] of Object.entries<SetError>(answer[errors] ?? {})) {
          if (error.type !== "notFound" || errors === "notUpdated") refused.set(id, setErrorText(error));
        }
      } catch (error) {
        for (const id of ids.slice(at)) refused.set(id, explain(error));
        break;
      }
    }
    return refused;
  }

  private complain(refused: ReadonlyMap<Id, string>, what: string): void {
    const [reason] = refused.values();
    if (reason !== undefined) toastError(`${what} ${reason}`);
  }
}
