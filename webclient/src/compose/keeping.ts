/**
 * Letters that are not on the server yet, kept in this browser (IndexedDB), so that a lost
 * connection, a reload or a crash loses none. What the server has is not kept here.
 *
 * A letter belongs to the tab that holds the Web Lock of its key; letters of tabs that are
 * gone are taken over by the next that starts.
 */
import type { Id } from "../jmap/types.js";
import { KEPT_KEY } from "./index.js";
import type { Letter } from "./letter.js";

export interface Kept {
  readonly key: string;
  readonly accountId: Id;
  /** The draft on the server that this goes on from, or null. */
  readonly draftId: Id | null;
  readonly letter: Letter;
}

export interface Keeper {
  /** Never rejects: without a place to keep it, the letter is in memory only. */
  put(kept: Kept): Promise<void>;
  remove(key: string): Promise<void>;
  all(): Promise<readonly Kept[]>;
}

const STORE = "letters";

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB"));
  });
}

function opened(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "key" });
  return done(request);
}

/** Keeps letters in a database of this origin. */
export class BrowserKeeper implements Keeper {
  private database: Promise<IDBDatabase> | null = null;

  constructor(private readonly name = "mailim-compose") {}

  private async store(mode: IDBTransactionMode): Promise<IDBObjectStore> {
    this.database ??= opened(this.name);
    return (await this.database).transaction(STORE, mode).objectStore(STORE);
  }

  private mark(any: boolean): void {
    try {
      if (any) localStorage.setItem(KEPT_KEY, "1");
      else localStorage.removeItem(KEPT_KEY);
    } catch {
      // then it is found by the tab that wrote it, or not at all
    }
  }

  async put(kept: Kept): Promise<void> {
    try {
      await done((await this.store("readwrite")).put(kept));
      this.mark(true);
    } catch (error) {
      console.warn(error);
    }
  }

  async remove(key: string): Promise<void> {
    try {
      const store = await this.store("readwrite");
      await done(store.delete(key));
      if ((await done((await this.store("readonly")).count())) === 0) this.mark(false);
    } catch (error) {
      console.warn(error);
    }
  }

  async all(): Promise<readonly Kept[]> {
    try {
      return (await done((await this.store("readonly")).getAll())) as readonly Kept[];
    } catch {
      return [];
    }
  }
}

const LOCK = "mailim-compose ";

/** Holds a letter for this tab until the function returned is called. */
export function holdLetter(key: string): () => void {
  const until = Promise.withResolvers<undefined>();
  navigator.locks.request(LOCK + key, () => until.promise).catch(() => undefined);
  return () => until.resolve(undefined);
}

/** The keys that open tabs hold. */
export async function heldLetters(): Promise<ReadonlySet<string>> {
  const { held } = await navigator.locks.query();
  return new Set((held ?? []).flatMap(({ name }) => (name?.startsWith(LOCK) ? [name.slice(LOCK.length)] : [])));
}
