/** A letter that is to be sent as soon as something is there: its files, or the server again. */
import { signal } from "@preact/signals";

export class Queued {
  /** True while it waits. */
  readonly waits = signal(false);
  /** When sending is tried again after the server was not reached (a time of the clock here), else null. */
  readonly againAt = signal<number | null>(null);
  private end: ((go: boolean) => void) | null = null;
  private stopped = false;

  /** It was asked for, once more: from now on counts what `stop` says. */
  begin(): void {
    this.stopped = false;
  }

  /** Waits until sending is to be tried again; false when it is not to be sent after all. */
  pause(milliseconds: number): Promise<boolean> {
    if (this.stopped) return Promise.resolve(false);
    this.waits.value = true;
    this.againAt.value = Date.now() + milliseconds;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.end?.(true), milliseconds);
      this.end = (go) => {
        clearTimeout(timer);
        this.end = null;
        this.againAt.value = null;
        this.waits.value = false;
        resolve(go);
      };
    });
  }

  /** Tries at once. */
  now(): void {
    this.end?.(true);
  }

  /** It is not to be sent by itself, nor again should an attempt under way fail; true when one had failed. */
  stop(): boolean {
    this.stopped = true;
    this.waits.value = false;
    const failed = this.end !== null;
    this.end?.(false);
    return failed;
  }
}
