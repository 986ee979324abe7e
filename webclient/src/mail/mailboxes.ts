/** The folders (RFC 8621 §2): their order and names, counts, and changes to them. */
import { computed, signal } from "@preact/signals";
import { t } from "../core/i18n.js";
import { MethodError, type JmapClient } from "../jmap/client.js";
import type { ChangesResponse, GetResponse, Id, Mailbox, SetResponse } from "../jmap/types.js";
import { setErrorText } from "./errors.js";
import type { IconName } from "../ui/icon.js";

/** A folder in the tree's order, with its depth below the top. */
export interface Placed {
  readonly mailbox: Mailbox;
  readonly depth: number;
}

const ROLE_ORDER = ["inbox", "drafts", "sent", "archive", "junk", "trash"];
const ICONS: Readonly<Record<string, IconName>> = {
  inbox: "inbox",
  drafts: "draft",
  sent: "sent",
  archive: "archive",
  junk: "junk",
  trash: "trash",
};

/** The name shown: folders with a role are named in the user's language. */
export function mailboxName(mailbox: Mailbox): string {
  const names: Readonly<Record<string, string>> = {
    inbox: t("Inbox"),
    drafts: t("Drafts"),
    sent: t("Sent"),
    archive: t("Archive"),
    junk: t("Junk"),
    trash: t("Trash"),
  };
  return (mailbox.role ? names[mailbox.role] : undefined) ?? mailbox.name;
}

export function mailboxIcon(mailbox: Mailbox): IconName {
  return (mailbox.role ? ICONS[mailbox.role] : undefined) ?? "folder";
}

function rank(mailbox: Mailbox): number {
  const at = mailbox.role ? ROLE_ORDER.indexOf(mailbox.role) : -1;
  return at < 0 ? ROLE_ORDER.length : at;
}

/** Folders as a tree laid flat: roles first, then by sortOrder and name; a folder with an unknown or circular parent stands at the top. */
export function placeMailboxes(all: readonly Mailbox[]): Placed[] {
  const known = new Set(all.map((item) => item.id));
  const children = new Map<Id | null, Mailbox[]>();
  for (const item of all) {
    const parent = item.parentId !== null && known.has(item.parentId) ? item.parentId : null;
    children.set(parent, [...(children.get(parent) ?? []), item]);
  }
  const placed: Placed[] = [];
  const seen = new Set<Id>();
  const visit = (parent: Id | null, depth: number): void => {
    const level = children.get(parent) ?? [];
    level.sort((a, b) => rank(a) - rank(b) || a.sortOrder - b.sortOrder || mailboxName(a).localeCompare(mailboxName(b)));
    for (const mailbox of level) {
      if (seen.has(mailbox.id)) continue;
      seen.add(mailbox.id);
      placed.push({ mailbox, depth });
      visit(mailbox.id, depth + 1);
    }
  };
  visit(null, 0);
  for (const mailbox of all) if (!seen.has(mailbox.id)) placed.push({ mailbox, depth: 0 });
  return placed;
}

export class Mailboxes {
  readonly byId = signal<ReadonlyMap<Id, Mailbox>>(new Map());
  readonly loaded = signal(false);
  readonly placed = computed(() => placeMailboxes([...this.byId.value.values()]));
  /** Unread mail in the inbox, for the title. */
  readonly inboxUnread = computed(() => this.role("inbox")?.unreadEmails ?? 0);
  state = "";

  constructor(private readonly client: JmapClient) {}

  role(role: string): Mailbox | undefined {
    return [...this.byId.value.values()].find((item) => item.role === role);
  }
  /** By id, or by role: what stands in a route. */
  find(name: string): Mailbox | undefined {
    return this.byId.value.get(name) ?? this.role(name);
  }
  /** What stands in a route for a folder: its role where it has one. */
  routeName(mailbox: Mailbox): string {
    return mailbox.role ?? mailbox.id;
  }

  /** Takes over a complete answer. */
  replace(answer: GetResponse<Mailbox>): void {
    this.byId.value = new Map(answer.list.map((item) => [item.id, item]));
    this.state = answer.state;
    this.loaded.value = true;
  }

  /** Takes over an answer to Mailbox/changes and the gets that go with it. */
  merge(changes: ChangesResponse, fresh: readonly Mailbox[]): void {
    const next = new Map(this.byId.value);
    for (const id of changes.destroyed) next.delete(id);
    for (const item of fresh) next.set(item.id, item);
    this.byId.value = next;
    this.state = changes.newState;
  }

  /** Moves counts ahead of the server: an optimistic change, or its reversal. */
  adjust(id: Id, total: number, unread: number): void {
    const found = this.byId.value.get(id);
    if (!found || (total === 0 && unread === 0)) return;
    const changed = {
      ...found,
      totalEmails: Math.max(0, found.totalEmails + total),
      unreadEmails: Math.max(0, found.unreadEmails + unread),
    };
    this.byId.value = new Map(this.byId.value).set(id, changed);
  }

  async create(name: string, parentId: Id | null): Promise<Id> {
    const answer = await this.client.call<SetResponse>("Mailbox/set", { create: { new: { name, parentId } } });
    const refused = answer.notCreated?.["new"];
    if (refused) throw new MethodError(refused.type, setErrorText(refused));
    await this.reload();
    return answer.created?.["new"]?.id ?? "";
  }

  async rename(id: Id, name: string): Promise<void> {
    const answer = await this.client.call<SetResponse>("Mailbox/set", { update: { [id]: { name } } });
    const refused = answer.notUpdated?.[id];
    if (refused) throw new MethodError(refused.type, setErrorText(refused));
    await this.reload();
  }

  /** Removes a folder with the mail in it (RFC 8621 §2.5, `onDestroyRemoveEmails`). */
  async destroy(id: Id): Promise<void> {
    const answer = await this.client.call<SetResponse>("Mailbox/set", { destroy: [id], onDestroyRemoveEmails: true });
    const refused = answer.notDestroyed?.[id];
    if (refused) throw new MethodError(refused.type, setErrorText(refused));
    await this.reload();
  }

  async reload(): Promise<void> {
    this.replace(await this.client.call<GetResponse<Mailbox>>("Mailbox/get", { ids: null }));
  }
}
