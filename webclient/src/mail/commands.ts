/** What buttons, menus and keys do in mail, and which messages they do it to. */
import { signal } from "@preact/signals";
import { explain } from "../core/http.js";
import { t, tn } from "../core/i18n.js";
import { navigate, route } from "../core/router.js";
import type { Id } from "../jmap/types.js";
import { pane } from "../shell/layout.js";
import { confirmDialog } from "../ui/dialog.js";
import { toast, toastError } from "../ui/toast.js";
import { isStarred, isUnread, mailboxOf } from "./emails.js";
import type { Mail } from "./model.js";

export type Quick = "all" | "unread" | "starred";

const OPEN_DELAY = 110;

export class Commands {
  /** The filter over a folder. */
  readonly quick = signal<Quick>("all");
  private openTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly mail: Mail) {}

  /** The message being read, by the address. */
  opened(): Id | undefined {
    const here = route.value;
    return here.page === "mail" || here.page === "search" ? here.email : undefined;
  }

  /** Ticked messages; else the one being read; else the one under the cursor. */
  targets(): readonly Id[] {
    const { ids, cursor } = this.mail.selection;
    if (ids.value.size) return [...ids.value];
    const one = this.opened() ?? cursor.value;
    return one ? [one] : [];
  }

  open(id: Id): void {
    const here = route.value;
    if (here.page !== "mail" && here.page !== "search") return;
    clearTimeout(this.openTimer);
    this.mail.selection.cursor.value = id;
    // One step of history for reading, however many messages are leafed through.
    navigate({ ...here, email: id }, here.email !== undefined);
  }

  close(): void {
    const here = route.value;
    clearTimeout(this.openTimer);
    if ((here.page === "mail" || here.page === "search") && here.email !== undefined) navigate({ ...here, email: undefined });
  }

  /** Moves the cursor; where the reading pane is beside the list, or a message is open, it follows. */
  async step(delta: number): Promise<void> {
    const listing = this.mail.view.value?.listing;
    if (!listing || !listing.total.value) return;
    const { cursor } = this.mail.selection;
    const at = listing.ids.indexOf(cursor.value ?? this.opened() ?? "");
    const to = Math.max(0, Math.min(listing.ids.total - 1, at < 0 ? 0 : at + delta));
    if (listing.ids.at(to) === undefined) {
      listing.show(to, to + 10);
      await listing.settled();
    }
    const id = listing.ids.at(to);
    if (id === undefined || (id === cursor.value && at >= 0)) return;
    cursor.value = id;
    if (pane.value === "off" && !this.opened()) return;
    clearTimeout(this.openTimer);
    this.openTimer = setTimeout(() => this.open(id), OPEN_DELAY);
  }

  /** Before rows leave the list: the cursor and the open message go to a neighbour. */
  leaving(ids: readonly Id[]): void {
    const listing = this.mail.view.peek()?.listing;
    if (!listing) return;
    const going = new Set(ids);
    const { cursor } = this.mail.selection;
    const opened = this.opened();
    const current = cursor.value ?? opened;
    if (!current || !going.has(current)) return;
    const order = listing.ids.all();
    const at = order.indexOf(current);
    const rest = [...order.slice(at + 1), ...order.slice(0, at).reverse()];
    const next = rest.find((id) => !going.has(id)) ?? null;
    cursor.value = next;
    if (!opened || !going.has(opened)) return;
    if (next && pane.value !== "off") this.open(next);
    else this.close();
    cursor.value = next;
  }

  archive(ids = this.targets()): void {
    this.toRole(ids, "archive", t("There is no archive folder."));
  }
  junk(ids = this.targets()): void {
    const inJunk = this.mail.view.value?.mailbox === this.mail.mailboxes.role("junk")?.id;
    this.toRole(ids, inJunk ? "inbox" : "junk", t("There is no junk folder."));
  }
  private toRole(ids: readonly Id[], role: string, missing: string): void {
    const target = this.mail.mailboxes.role(role);
    if (target) void this.mail.actions.move(ids, target.id);
    else toastError(missing);
  }

  /** To Trash; what lies there already is destroyed, after a question. */
  async remove(ids = this.targets()): Promise<void> {
    const trash = this.mail.mailboxes.role("trash");
    const here = ids.filter((id) => {
      const email = this.mail.emails.peek(id);
      return !trash || (email && mailboxOf(email) === trash.id);
    });
    const rest = ids.filter((id) => !here.includes(id));
    if (trash && rest.length) await this.mail.actions.move(rest, trash.id);
    if (!here.length) return;
    const yes = await confirmDialog({
      title: t("Delete for good?"),
      text: tn("The message cannot be brought back.", "{n} messages cannot be brought back.", here.length),
      yes: t("Delete"),
      danger: true,
    });
    if (yes) await this.mail.actions.destroy(here);
  }

  star(ids = this.targets()): void {
    const all = ids.every((id) => this.starred(id));
    void this.mail.actions.setKeyword(ids, "$flagged", !all);
  }
  private starred(id: Id): boolean {
    const email = this.mail.emails.peek(id);
    return email !== undefined && isStarred(email);
  }
  markRead(on: boolean, ids = this.targets()): void {
    void this.mail.actions.setKeyword(ids, "$seen", on);
  }
  toggleRead(ids = this.targets()): void {
    const anyUnread = ids.some((id) => {
      const email = this.mail.emails.peek(id);
      return email !== undefined && isUnread(email);
    });
    this.markRead(anyUnread, ids);
  }

  tick(): void {
    const id = this.mail.selection.cursor.value ?? this.opened();
    if (id) this.mail.selection.toggle(id);
  }
  /** Ticks every message of the list that is loaded. */
  tickAll(): void {
    const listing = this.mail.view.value?.listing;
    if (!listing) return;
    const all = listing.ids.all();
    this.mail.selection.set(all);
    if (all.length < listing.ids.total) {
      const rest = listing.ids.total - all.length;
      toast({ text: tn("{n} more message is not loaded and not selected.", "{n} more messages are not loaded and not selected.", rest) });
    }
  }

  goTo(role: string): void {
    navigate({ page: "mail", folder: role });
  }

  async refresh(): Promise<void> {
    await this.mail.refresh();
    if (this.mail.failure.value) toastError(explain(new Error(this.mail.failure.value)));
  }
}
