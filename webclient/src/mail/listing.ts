/**
 * One message list: a query (RFC 8620 §5.5) of which the parts on the screen
 * are fetched, and which follows the server by /queryChanges (§5.6).
 *
 * Pages are asked for by anchor where a neighbour is known, so that the server
 * never counts its way to a far position; else by position.
 */
import { signal } from "@preact/signals";
import { explain } from "../core/http.js";
import type { Batch, Call, JmapClient } from "../jmap/client.js";
import {
  SUMMARY_PROPERTIES,
  type EmailSummary,
  type Filter,
  type GetResponse,
  type Id,
  type QueryChangesResponse,
  type QueryResponse,
} from "../jmap/types.js";
import type { Emails } from "./emails.js";
import { SparseList } from "./sparse.js";

export const PAGE = 50;
const MAX_CHANGES = 200;
const SORT = [{ property: "receivedAt", isAscending: false }];

/** The calls by which a listing takes part in a batch of changes. */
export interface Refresh {
  readonly changes: Call<QueryChangesResponse> | null;
}

export class Listing {
  readonly ids = new SparseList();
  /** Grows with every change of `ids`; read it to follow them. */
  readonly version = signal(0);
  readonly total = signal<number | null>(null);
  /** Why the list could not be had, in words for people. */
  readonly failure = signal<string | null>(null);
  private queryState: string | null = null;
  private canCalculate = false;
  private window: readonly [number, number] = [0, PAGE - 1];
  private busy: Promise<void> | null = null;
  private readonly gone = new Set<Id>();
  private readonly closed = new AbortController();

  constructor(
    private readonly client: JmapClient,
    private readonly emails: Emails,
    readonly filter: Filter,
  ) {}

  close(): void {
    this.closed.abort();
  }

  /** Tells which rows are on the screen; what is missing there (and one page around) is fetched. */
  show(first: number, last: number): void {
    this.window = [Math.max(0, first), Math.max(first, last)];
    if (!this.busy) this.busy = this.fill().finally(() => (this.busy = null));
  }

  /** Resolves when the rows last asked for are there. */
  async settled(): Promise<void> {
    await this.busy;
  }

  private nextGap(): { position: number; length: number } | null {
    const [first, last] = this.window;
    if (this.total.value === null) return { position: first, length: PAGE };
    const inside = this.ids.gap(first, last);
    if (inside) {
      // Whole pages: one request for the screen and what is likely next.
      const length = Math.max(inside.length, Math.min(PAGE, this.ids.total - inside.position));
      return { position: inside.position, length: Math.min(length, 2 * PAGE) };
    }
    return this.ids.gap(last, last + PAGE / 2) && this.ids.gap(last, last + PAGE);
  }

  /** Rows on the screen whose messages have been forgotten, or never came. */
  private missing(): Id[] {
    const found: Id[] = [];
    for (let at = this.window[0]; at <= Math.min(this.window[1], this.ids.total - 1); at += 1) {
      const id = this.ids.at(at);
      if (id !== undefined && !this.emails.has(id)) found.push(id);
    }
    return found;
  }

  private async fetchMissing(ids: readonly Id[]): Promise<void> {
    const answer = await this.client.call<GetResponse<EmailSummary>>("Email/get", { ids, properties: SUMMARY_PROPERTIES }, this.closed.signal);
    this.emails.put(answer.list);
    const got = new Set(answer.list.map((email) => email.id));
    const lost = ids.filter((id) => !got.has(id));
    for (const id of lost) this.ids.remove(id); // gone since; the next changes tell the rest
    if (lost.length) this.changed();
  }

  /** Finds the place of a message that is not loaded and loads its neighbours; false when it is not in the list. */
  async locate(id: Id): Promise<boolean> {
    await this.settled();
    if (this.ids.has(id)) return true;
    const batch = this.client.batch();
    const args = { filter: this.filter, sort: SORT, anchor: id, anchorOffset: -PAGE / 2, limit: PAGE, calculateTotal: true };
    const query = batch.add<QueryResponse>("Email/query", args);
    const get = batch.add<GetResponse<EmailSummary>>("Email/get", { "#ids": query.ref("/ids"), properties: SUMMARY_PROPERTIES });
    await batch.send(this.closed.signal);
    if (query.error) return false;
    this.take(query.value, get.value);
    return this.ids.has(id);
  }

  private async fill(): Promise<void> {
    for (;;) {
      const gap = this.nextGap();
      const missing = gap ? [] : this.missing();
      if ((!gap && !missing.length) || this.closed.signal.aborted) return;
      try {
        if (gap) await this.fetch(gap.position, gap.length);
        else await this.fetchMissing(missing);
        this.failure.value = null;
      } catch (error) {
        this.fail(error);
        return;
      }
    }
  }

  private fail(error: unknown): void {
    if (!this.closed.signal.aborted) this.failure.value = explain(error);
  }

  private place(position: number): Record<string, unknown> {
    const before = position > 0 ? this.ids.at(position - 1) : undefined;
    return before === undefined ? { position } : { anchor: before, anchorOffset: 1 };
  }

  private addQuery(batch: Batch, position: number, limit: number): [Call<QueryResponse>, Call<GetResponse<EmailSummary>>] {
    const args = { filter: this.filter, sort: SORT, ...this.place(position), limit, calculateTotal: true };
    const query = batch.add<QueryResponse>("Email/query", args);
    const get = batch.add<GetResponse<EmailSummary>>("Email/get", { "#ids": query.ref("/ids"), properties: SUMMARY_PROPERTIES });
    return [query, get];
  }

  private async fetch(position: number, limit: number): Promise<void> {
    const batch = this.client.batch();
    const [query, get] = this.addQuery(batch, position, limit);
    await batch.send(this.closed.signal);
    if (query.error?.type === "anchorNotFound") {
      this.forget();
      return;
    }
    this.take(query.value, get.value);
  }

  /** Takes over one answer; one of a newer state makes everything but itself unknown. */
  take(query: QueryResponse, get: GetResponse<EmailSummary>): void {
    this.emails.put(get.list);
    if (this.emails.state === "") this.emails.state = get.state;
    if (this.queryState !== null && this.queryState !== query.queryState) this.ids.clear();
    this.queryState = query.queryState;
    this.canCalculate = query.canCalculateChanges;
    this.ids.resize(query.total ?? query.position + query.ids.length);
    this.ids.put(query.position, query.ids);
    if (query.ids.length === 0 && query.position < this.ids.total) this.ids.resize(query.position); // never ask for the same hole for ever
    this.emails.trim(new Set(query.ids));
    this.changed();
  }

  private changed(): void {
    this.total.value = this.ids.total;
    this.version.value += 1;
  }
  private forget(): void {
    this.ids.clear();
    this.queryState = null;
    this.total.value = null;
  }

  /** Adds what this list needs to a request for changes. */
  addRefresh(batch: Batch): Refresh {
    if (this.queryState === null || !this.canCalculate) return { changes: null };
    const changes = batch.add<QueryChangesResponse>("Email/queryChanges", {
      filter: this.filter,
      sort: SORT,
      sinceQueryState: this.queryState,
      maxChanges: MAX_CHANGES,
      calculateTotal: true,
    });
    return { changes };
  }

  /** Takes over the answer to `addRefresh`; asks anew where the changes do not suffice. */
  async finishRefresh({ changes }: Refresh): Promise<void> {
    await this.settled();
    if (changes && !changes.error && changes.value.oldQueryState === this.queryState) {
      const { value } = changes;
      if (this.ids.apply(value, this.gone)) {
        for (const id of value.removed) this.gone.delete(id);
        this.queryState = value.newQueryState;
        this.changed();
        this.show(...this.window);
        return this.settled();
      }
    }
    await this.reload();
  }

  /** Asks again for the rows on the screen; they stay until the answer is there. */
  async reload(): Promise<void> {
    const [first, last] = this.window;
    const batch = this.client.batch();
    const position = Math.max(0, first - PAGE / 2);
    const args = { filter: this.filter, sort: SORT, position, limit: Math.min(2 * PAGE, last - position + PAGE / 2), calculateTotal: true };
    const query = batch.add<QueryResponse>("Email/query", args);
    const get = batch.add<GetResponse<EmailSummary>>("Email/get", { "#ids": query.ref("/ids"), properties: SUMMARY_PROPERTIES });
    try {
      await batch.send(this.closed.signal);
      this.gone.clear();
      this.ids.clear();
      this.take(query.value, get.value);
      this.failure.value = null;
    } catch (error) {
      this.fail(error);
    }
  }

  /** Takes rows out ahead of the server; the function returned puts them back. */
  takeOut(ids: readonly Id[]): () => void {
    const places = ids.map((id) => ({ id, index: this.ids.indexOf(id) })).filter((item) => item.index >= 0);
    places.sort((a, b) => a.index - b.index);
    for (const { id } of places) {
      this.ids.remove(id);
      this.gone.add(id);
    }
    if (places.length) this.changed();
    return () => {
      for (const { id, index } of places) {
        this.gone.delete(id);
        if (!this.ids.has(id)) this.ids.insert(index, id);
      }
      if (places.length) this.changed();
    };
  }
}
