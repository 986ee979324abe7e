/** Mail as this tab knows it: folders, messages, the list shown, and how it follows the server. */
import { computed, signal } from "@preact/signals";
import { explain } from "../core/http.js";
import { JmapClient } from "../jmap/client.js";
import { Push, type States } from "../jmap/push.js";
import {
  SUMMARY_PROPERTIES,
  type ChangesResponse,
  type EmailSummary,
  type Filter,
  type GetResponse,
  type Id,
  type Mailbox,
} from "../jmap/types.js";
import { Actions } from "./actions.js";
import { Bodies } from "./bodies.js";
import { Emails, isUnread } from "./emails.js";
import { Listing } from "./listing.js";
import { Mailboxes } from "./mailboxes.js";
import { Selection } from "./selection.js";

const PING = 60;
const MAX_CHANGES = 200;
const KEPT_LISTS = 8;

/** What a list shows: a folder, or a search. */
export interface View {
  readonly key: string;
  readonly filter: Filter;
  /** The folder, when the list is one. */
  readonly mailbox: Id | null;
  /** Folders a search leaves out. */
  readonly leftOut: readonly Id[];
  readonly scrollTop: { value: number };
  readonly listing: Listing;
}
export type ViewSpec = Pick<View, "key" | "filter" | "mailbox" | "leftOut">;

export class Mail {
  readonly mailboxes: Mailboxes;
  readonly emails = new Emails();
  readonly selection = new Selection();
  readonly actions: Actions;
  readonly bodies: Bodies;
  readonly view = signal<View | null>(null);
  /** Why the last attempt to follow the server failed, or null. */
  readonly failure = signal<string | null>(null);
  readonly push: Push;
  readonly live = computed(() => this.push.status.value);
  private readonly views = new Map<string, View>();
  private readonly stale = new Set<string>();
  private refreshing: Promise<void> | null = null;
  private again = false;

  /** `onNew` hears of unread mail that arrived in the inbox. */
  constructor(
    readonly client: JmapClient,
    private readonly onNew: (emails: readonly EmailSummary[]) => void,
    /** Called before rows leave the list on the screen. */
    private readonly onLeave: (ids: readonly Id[]) => void,
  ) {
    this.mailboxes = new Mailboxes(client);
    this.bodies = new Bodies(client);
    this.actions = new Actions(client, this.mailboxes, this.emails, () => ({
      takeOut: (ids) => this.takeOut(ids),
      leaves: (target) => this.leaves(target),
    }));
    this.push = new Push({
      url: client.eventSourceUrl(["Email", "Mailbox"], PING),
      accountId: client.accountId,
      ping: PING,
      onStates: (states) => this.onStates(states),
      onGap: () => void this.refresh(),
    });
  }

  async start(): Promise<void> {
    const batch = this.client.batch();
    const boxes = batch.add<GetResponse<Mailbox>>("Mailbox/get", { ids: null });
    const none = batch.add<GetResponse<EmailSummary>>("Email/get", { ids: [], properties: ["id"] });
    await batch.send();
    this.emails.state = none.value.state;
    this.mailboxes.replace(boxes.value);
    this.push.start();
  }

  /** Shows a list; one shown lately comes back as it was and catches up. */
  open(spec: ViewSpec): void {
    if (this.view.peek()?.key === spec.key) return;
    this.selection.clear();
    this.selection.cursor.value = null;
    let view = this.views.get(spec.key);
    if (view) {
      this.views.delete(spec.key);
    } else {
      view = { ...spec, scrollTop: { value: 0 }, listing: new Listing(this.client, this.emails, spec.filter) };
    }
    this.views.set(spec.key, view);
    this.view.value = view;
    for (const [key, old] of this.views) {
      if (this.views.size <= KEPT_LISTS) break;
      old.listing.close();
      this.views.delete(key);
    }
    if (this.stale.delete(spec.key)) void this.refresh();
  }

  private onStates(states: States): void {
    const mailChanged = states["Email"] !== undefined && states["Email"] !== this.emails.state;
    const foldersChanged = states["Mailbox"] !== undefined && states["Mailbox"] !== this.mailboxes.state;
    if (mailChanged || foldersChanged) void this.refresh();
  }

  /** Asks for everything that changed since the last answer; calls that come meanwhile are one more round. */
  refresh(): Promise<void> {
    if (this.refreshing) {
      this.again = true;
      return this.refreshing;
    }
    this.refreshing = this.rounds().finally(() => (this.refreshing = null));
    return this.refreshing;
  }

  private async rounds(): Promise<void> {
    do {
      this.again = false;
      try {
        await this.round();
        this.failure.value = null;
      } catch (error) {
        this.failure.value = explain(error);
      }
    } while (this.again as boolean);
  }

  private async round(): Promise<void> {
    const view = this.view.peek();
    for (const key of this.views.keys()) if (key !== view?.key) this.stale.add(key);
    if (this.emails.state === "") return this.startOver(view);
    const batch = this.client.batch();
    const boxes = batch.add<ChangesResponse>("Mailbox/changes", { sinceState: this.mailboxes.state });
    const newBoxes = batch.add<GetResponse<Mailbox>>("Mailbox/get", { "#ids": boxes.ref("/created") });
    const oldBoxes = batch.add<GetResponse<Mailbox>>("Mailbox/get", { "#ids": boxes.ref("/updated") });
    const mails = batch.add<ChangesResponse>("Email/changes", { sinceState: this.emails.state, maxChanges: MAX_CHANGES });
    const created = batch.add<GetResponse<EmailSummary>>("Email/get", { "#ids": mails.ref("/created"), properties: SUMMARY_PROPERTIES });
    const updated = batch.add<GetResponse<EmailSummary>>("Email/get", { "#ids": mails.ref("/updated"), properties: SUMMARY_PROPERTIES });
    const refresh = view?.listing.addRefresh(batch);
    await batch.send();
    if (boxes.error || boxes.value.hasMoreChanges) await this.mailboxes.reload();
    else this.mailboxes.merge(boxes.value, [...newBoxes.value.list, ...oldBoxes.value.list]);
    if (mails.error || mails.value.hasMoreChanges) return this.startOver(view);
    this.emails.put([...created.value.list, ...updated.value.list]);
    this.emails.drop(mails.value.destroyed);
    this.emails.state = mails.value.newState;
    this.bodies.forget(mails.value.destroyed);
    this.announce(created.value.list);
    if (refresh) await view?.listing.finishRefresh(refresh);
  }

  /** Too much has changed to follow it step by step: everything on the screen is asked for anew. */
  private async startOver(view: View | null): Promise<void> {
    this.emails.state = "";
    await this.mailboxes.reload();
    await view?.listing.reload();
    this.emails.retain(new Set(view?.listing.ids.all()));
  }

  private announce(created: readonly EmailSummary[]): void {
    const inbox = this.mailboxes.role("inbox")?.id ?? "";
    const fresh = created.filter((email) => email.mailboxIds[inbox] && isUnread(email) && !email.keywords["$draft"]);
    if (fresh.length) this.onNew(fresh);
  }

  private takeOut(ids: readonly Id[]): () => void {
    const view = this.view.peek();
    if (!ids.length || !view) return () => undefined;
    this.onLeave(ids);
    this.selection.drop(ids);
    return view.listing.takeOut(ids);
  }

  private leaves(target: Id): boolean {
    const view = this.view.peek();
    if (!view) return false;
    return view.mailbox !== null ? target !== view.mailbox : view.leftOut.includes(target);
  }
}
