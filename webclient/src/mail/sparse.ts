/**
 * The ids of a long query result of which only some stretches are known.
 *
 * Positions are those of the server's list (RFC 8620 §5.5); a hole is an id
 * not fetched yet. Every id stands at most once.
 */
import type { Id, QueryChangesResponse } from "../jmap/types.js";

export class SparseList {
  private ids: (Id | undefined)[] = [];
  private readonly known = new Set<Id>();

  get total(): number {
    return this.ids.length;
  }
  at(index: number): Id | undefined {
    return this.ids[index];
  }
  has(id: Id): boolean {
    return this.known.has(id);
  }
  /** The position of an id, or -1. */
  indexOf(id: Id): number {
    return this.known.has(id) ? this.ids.indexOf(id) : -1;
  }
  /** Every known id, in order. */
  all(): Id[] {
    return this.ids.filter((id) => id !== undefined);
  }

  clear(): void {
    this.ids = [];
    this.known.clear();
  }

  /** Makes the list `total` long: cuts the end, or adds holes. */
  resize(total: number): void {
    for (const id of this.ids.slice(total)) if (id !== undefined) this.known.delete(id);
    this.ids.length = Math.min(this.ids.length, total);
    while (this.ids.length < total) this.ids.push(undefined);
  }

  /** Writes the ids of one answer from `position` on. */
  put(position: number, ids: readonly Id[]): void {
    ids.forEach((id, offset) => {
      const before = this.indexOf(id);
      if (before >= 0) this.ids[before] = undefined;
      const replaced = this.ids[position + offset];
      if (replaced !== undefined) this.known.delete(replaced);
      this.ids[position + offset] = id;
      this.known.add(id);
    });
  }

  /** The first hole in [first, last], and the hole's length within it; null when all is known. */
  gap(first: number, last: number): { position: number; length: number } | null {
    const end = Math.min(last, this.total - 1);
    let position = Math.max(first, 0);
    while (position <= end && this.ids[position] !== undefined) position += 1;
    if (position > end) return null;
    let length = 1;
    while (position + length <= end && this.ids[position + length] === undefined) length += 1;
    return { position, length };
  }

  /** Takes an id out and closes the row; returns where it stood, or -1. */
  remove(id: Id): number {
    const index = this.indexOf(id);
    if (index >= 0) {
      this.ids.splice(index, 1);
      this.known.delete(id);
    }
    return index;
  }

  insert(index: number, id: Id): void {
    this.remove(id);
    const at = Math.min(index, this.ids.length);
    this.ids.splice(at, 0, id);
    this.known.add(id);
  }

  /**
   * Applies RFC 8620 §5.6: removals first, then additions in order of index.
   * Ids in `gone` have been taken out already. False when a removal is of an
   * id whose place is not known: then only asking again helps.
   */
  apply(changes: QueryChangesResponse, gone: ReadonlySet<Id> = new Set()): boolean {
    const added = new Set(changes.added.map((item) => item.id));
    for (const id of changes.removed) {
      if (this.remove(id) >= 0 || gone.has(id) || added.has(id)) continue;
      if (this.all().length < this.total) return false;
    }
    for (const { id, index } of [...changes.added].sort((a, b) => a.index - b.index)) this.insert(index, id);
    return changes.total === undefined || changes.total === this.total;
  }
}
