/** A letter that is to be sent as soon as something is there: its files, or the server again. */
import { signal } from "@preact/signals";

export class Queued {
  /** True while it waits. */
  readonly waits = signal(false);
  /** When sending is tried again after the server was not reached (a time of the clock here), else null. */
  readonly againAt = signal<number | null>(null);
  private end: ((go: boolean) => void) | null = null;

  /** Waits until sending is to be tried again; false when it is not to be sent after all. */
  pause(milliseconds: number): Promise<boolean> {
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

  /** It is not to be sent by itself; true when an attempt had failed. */
  stop(): boolean {
    this.waits.value = false;
    const failed = this.end !== null;
    this.end?.(false);
    return failed;
  }
}
