/**
 * Drafts among the tabs of this browser: one tab at a time writes a draft, the others know it.
 *
 * The tab that writes holds a Web Lock for each id the draft has had, as every save gives it
 * another. A channel passes letters from tab to tab and tells what became of them. All this only
 * saves people from a conflict; the judge is the server (`Drafts.save`).
 */
import type { Id } from "../jmap/types.js";
import type { Handed } from "./composer.js";

/** What one tab tells the others. */
export type Note =
  /** Asks the tab that writes a draft about it; or for the letter, to go on with it. */
  | { readonly kind: "who"; readonly id: Id }
  | { readonly kind: "want"; readonly id: Id; readonly by: string }
  /** To the one who asked: here it is; or why it cannot be given. */
  | { readonly kind: "given"; readonly to: string; readonly ids: readonly Id[]; readonly handed: Handed }
  | { readonly kind: "kept"; readonly to: string; readonly why: string }
  /** The draft is called this now. */
  | { readonly kind: "named"; readonly ids: readonly Id[]; readonly id: Id; readonly subject: string }
  /** Nobody writes it any more; `id` is where it lies, null when it was sent or thrown away. */
  | { readonly kind: "left"; readonly ids: readonly Id[]; readonly id: Id | null };

export type Given = Extract<Note, { kind: "given" | "kept" }>;

export type How = "free" | "soon" | "force";

/** Milliseconds until a lock that a tab says it has released is free for others, at most. */
const RELEASED_WITHIN = 2_000;
/** Milliseconds that a tab has to answer, which may be asleep. */
const PATIENCE = 3_000;

/** Holds a lock; gives what releases it, or null when it is held elsewhere. `lost` hears that another tab took it by force. */
function held(name: string, options: LockOptions, lost: () => void): Promise<(() => void) | null> {
  return new Promise((resolve) => {
    const until = Promise.withResolvers<undefined>();
    navigator.locks
      .request(name, options, (lock) => {
        if (!lock) {
          resolve(null);
          return undefined;
        }
        resolve(() => until.resolve(undefined));
        return until.promise;
      })
      .catch(() => {
        resolve(null);
        lost();
      });
  });
}

/** A tab's right to write one draft, under every id it has had. */
export class Claim {
  private readonly releases = new Map<Id, () => void>();
  private released = false;

  constructor(
    private readonly prefix: string,
    private readonly lost: () => void,
  ) {}

  get ids(): readonly Id[] {
    return [...this.releases.keys()];
  }

  /** Takes another id along. How: `free` only if nobody has it, `soon` when another tab is just releasing it, `force` from whoever has it. */
  async add(id: Id, how: How = "free"): Promise<boolean> {
    if (this.releases.has(id) || this.isOver()) return true;
    const options = how === "free" ? { ifAvailable: true } : how === "force" ? { steal: true } : { signal: AbortSignal.timeout(RELEASED_WITHIN) };
    const release = await held(this.prefix + id, options, () => {
      if (this.releases.delete(id) && !this.released) this.lost();
    });
    if (!release) return false;
    if (this.isOver()) release();
    else this.releases.set(id, release);
    return true;
  }

  private isOver(): boolean {
    return this.released;
  }

  release(): readonly Id[] {
    const { ids } = this;
    this.released = true;
    for (const release of this.releases.values()) release();
    return ids;
  }
}

/** The other tabs of this account. */
export class Tabs {
  private readonly channel: BroadcastChannel;
  private readonly answers = new Map<string, (answer: Given) => void>();

  constructor(
    private readonly accountId: Id,
    private readonly onNote: (note: Note) => void,
  ) {
    this.channel = new BroadcastChannel(`mailim-compose ${accountId}`);
    this.channel.onmessage = (event: MessageEvent<Note>) => this.heard(event.data);
  }

  claim(lost: () => void): Claim {
    return new Claim(`mailim-draft ${this.accountId} `, lost);
  }

  tell(note: Note): void {
    this.channel.postMessage(note);
  }

  /** Asks the tab that writes a draft to give it up; null when it does not answer. */
  ask(id: Id): Promise<Given | null> {
    const by = crypto.randomUUID();
    return new Promise((resolve) => {
      const timer = setTimeout(() => done(null), PATIENCE);
      const done = (answer: Given | null): void => {
        clearTimeout(timer);
        this.answers.delete(by);
        resolve(answer);
      };
      this.answers.set(by, done);
      this.tell({ kind: "want", id, by });
    });
  }

  private heard(note: Note): void {
    if (note.kind === "given" || note.kind === "kept") this.answers.get(note.to)?.(note);
    else this.onNote(note);
  }
}
