/** Which messages are ticked, and the cursor the keys move. */
import { computed, signal } from "@preact/signals";
import type { Id } from "../jmap/types.js";

export class Selection {
  readonly ids = signal<ReadonlySet<Id>>(new Set());
  readonly size = computed(() => this.ids.value.size);
  /** The message the keys act on when none is ticked. */
  readonly cursor = signal<Id | null>(null);
  /** Where a range by Shift begins. */
  private anchor: Id | null = null;

  has(id: Id): boolean {
    return this.ids.value.has(id);
  }
  toggle(id: Id): void {
    const next = new Set(this.ids.value);
    if (!next.delete(id)) next.add(id);
    this.ids.value = next;
    this.anchor = id;
  }
  /** Ticks everything between the last touched message and this one. */
  extend(id: Id, order: readonly Id[]): void {
    const from = order.indexOf(this.anchor ?? this.cursor.value ?? id);
    const to = order.indexOf(id);
    if (from < 0 || to < 0) {
      this.toggle(id);
      return;
    }
    this.ids.value = new Set([...this.ids.value, ...order.slice(Math.min(from, to), Math.max(from, to) + 1)]);
  }
  set(ids: readonly Id[]): void {
    this.ids.value = new Set(ids);
  }
  clear(): void {
    if (this.ids.value.size) this.ids.value = new Set();
    this.anchor = null;
  }
  /** Unticks messages that have left. */
  drop(ids: readonly Id[]): void {
    if (!ids.some((id) => this.ids.value.has(id))) return;
    const next = new Set(this.ids.value);
    for (const id of ids) next.delete(id);
    this.ids.value = next;
  }
}
