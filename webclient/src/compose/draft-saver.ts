/**
 * When a draft is saved: soon after a change, one at a time, again after a failure.
 *
 * A draft with large files takes the server long to write; the pause grows with what the last
 * save took, so that writing never keeps the server busy.
 */
import { signal } from "@preact/signals";

export type SaveState = "new" | "unsaved" | "saving" | "saved" | "failed";

export interface SaverOptions {
  /** Saves what is there now; rejects when that failed. */
  readonly save: () => Promise<void>;
  /** Runs at every change, at once: what is not on the server is kept here. */
  readonly keep: () => void;
  /** Runs when everything is on the server. */
  readonly saved?: () => void;
  readonly explain: (error: unknown) => string;
  readonly now?: () => number;
}

/** Milliseconds from a change to its save; until a failed save is tried again, at first and at most. */
export const SAVE_AFTER = 1_200;
const RETRY_FIRST = 3_000;
const RETRY_MOST = 60_000;

export class DraftSaver {
  readonly state = signal<SaveState>("new");
  /** Why the last save failed, in words. */
  readonly failure = signal<string | null>(null);
  /** When a save that failed is tried again (a time of `now`), else null. */
  readonly againAt = signal<number | null>(null);
  private timer: ReturnType<typeof setTimeout> | undefined;
  private running: Promise<void> | null = null;
  private changes = 0;
  private savedChanges = 0;
  /** Until the next attempt, when one fails. */
  private pause = RETRY_FIRST;
  private lastTook = 0;
  private stopped = false;
  private readonly now: () => number;

  constructor(private readonly options: SaverOptions) {
    this.now = options.now ?? (() => Date.now());
  }

  /** Whether something is not on the server yet. */
  get dirty(): boolean {
    return this.changes !== this.savedChanges;
  }

  /** Something was changed. */
  changed(): void {
    this.changes += 1;
    if (this.state.value !== "saving" && this.state.value !== "failed") this.state.value = "unsaved";
    this.options.keep();
    this.schedule(Math.max(SAVE_AFTER, 2 * this.lastTook));
  }

  /** What is there now is what the server has. */
  settle(): void {
    this.savedChanges = this.changes;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.failure.value = null;
    this.againAt.value = null;
    this.state.value = "saved";
  }

  /** Saves until nothing is unsaved; rejects when that failed. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.running) await this.running.catch(() => undefined);
    while (this.dirty && !this.stopped) await this.run();
  }

  /** Waits for a save under way, and begins no other until `resume`. */
  async hold(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.againAt.value = null;
    await this.running?.catch(() => undefined);
  }

  resume(): void {
    this.stopped = false;
    if (this.dirty) this.schedule(SAVE_AFTER);
  }

  /** Tries again at once, because the network is back, say. */
  retry(): void {
    if (this.state.value !== "failed") return;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.schedule(0);
  }

  private schedule(after: number): void {
    if (this.timer !== undefined || this.running || this.stopped) return;
    if (this.failure.value !== null) this.againAt.value = this.now() + after;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.run().catch(() => undefined); // said by `failure`, and tried again
    }, after);
  }

  private run(): Promise<void> {
    this.running ??= this.once().finally(() => {
      this.running = null;
      if (!this.dirty) return;
      if (this.failure.value === null) this.schedule(Math.max(SAVE_AFTER, 2 * this.lastTook));
      else {
        this.schedule(this.pause);
        this.pause = Math.min(RETRY_MOST, this.pause * 2);
      }
    });
    return this.running;
  }

  private async once(): Promise<void> {
    const saving = this.changes;
    const begun = this.now();
    this.state.value = "saving";
    this.againAt.value = null;
    try {
      await this.options.save();
    } catch (error) {
      this.failure.value = this.options.explain(error);
      this.state.value = "failed";
      throw error;
    }
    this.lastTook = this.now() - begun;
    this.pause = RETRY_FIRST;
    this.savedChanges = saving;
    this.failure.value = null;
    this.state.value = this.dirty ? "unsaved" : "saved";
    if (!this.dirty) this.options.saved?.();
  }
}
