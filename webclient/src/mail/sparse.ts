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
   *
   * A server may name as removed whatever has changed, in this list or not, so
   * an id of unknown place may have been here or elsewhere; the new total tells.
   * False when it does not: then only asking again helps. Ids in `gone` have
   * been taken out here already.
   */
  apply(changes: QueryChangesResponse, gone: ReadonlySet<Id> = new Set()): boolean {
    const removed = new Set(changes.removed);
    const unsure = changes.added.filter(({ id }) => removed.has(id) && !this.known.has(id) && !gone.has(id));
    const strangers = changes.removed.filter((id) => !this.known.has(id) && !gone.has(id));
    const leaving = changes.removed.filter((id) => this.known.has(id)).length;
    if (changes.total === undefined && strangers.length && this.known.size < this.total) return false;
    const asNew = this.total - leaving + changes.added.length;
    const surplus = asNew - (changes.total ?? asNew);
    // Either every unsure one has come, or every one was here, in a hole, and stays where it is.
    if (surplus !== 0 && surplus !== unsure.length) return false;
    for (const id of changes.removed) this.remove(id);
    const staying = new Set(surplus ? unsure.map(({ id }) => id) : []);
    for (const { id, index } of [...changes.added].sort((a, b) => a.index - b.index)) {
      if (!staying.has(id)) this.insert(index, id);
      else if (index < this.total && this.ids[index] === undefined) this.put(index, [id]);
      else return false;
    }
    return true;
  }
}
