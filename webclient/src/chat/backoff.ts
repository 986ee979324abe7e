/** How long to wait before the next attempt to connect: longer each time, up to a limit, never quite the same. */

export interface BackoffOptions {
  /** Milliseconds before the second attempt. */
  readonly first?: number;
  readonly limit?: number;
  /** A number from 0 to 1, so that a whole office does not come back in the same instant. */
  readonly random?: () => number;
}

export class Backoff {
  private failures = 0;
  private readonly first: number;
  private readonly limit: number;
  private readonly random: () => number;

  constructor({ first = 1_000, limit = 60_000, random = Math.random }: BackoffOptions = {}) {
    this.first = first;
    this.limit = limit;
    this.random = random;
  }

  /** Milliseconds to wait after one more failure; from half of the nominal delay to all of it. */
  next(): number {
    const nominal = Math.min(this.limit, this.first * 2 ** Math.min(this.failures, 20));
    this.failures += 1;
    return Math.round(nominal * (0.5 + this.random() / 2));
  }

  /** The connection holds: the next failure is the first again. */
  reset(): void {
    this.failures = 0;
  }
}
