/** Mails in the queue, as the operations on it give them. */
import type { Arguments } from "./api.js";

export type QueueState = "waiting" | "held" | "partly held";

export interface QueueRow {
  readonly id: number;
  readonly received: string;
  readonly size: number;
  readonly from: string;
  /** How many there are; `to` names only the first. */
  readonly recipients: number;
  readonly to: readonly string[];
  readonly state: QueueState;
  readonly next_attempt: string | null;
  readonly reason: string;
}

export interface QueueRecipient {
  readonly address: string;
  readonly state: "held" | "due" | "waiting";
  readonly attempts: number;
  readonly next_attempt: string | null;
  readonly reason: string;
}

export interface QueueMail {
  readonly id: number;
  readonly received: string;
  readonly origin: string;
  readonly source: string;
  readonly from: string;
  readonly subject: string;
  readonly message_id: string;
  readonly size: number;
  readonly recipients: readonly QueueRecipient[];
}

/** Rows added by each "more"; the operation gives at most `MOST`. */
export const STEP = 100;
export const MOST = 1000;

/** The arguments of queue.list: one row more than shown is asked for, to know whether there are more. */
export function listArguments(shown: number, onlyHeld: boolean): Arguments {
  return { limit: Math.min(shown + 1, MOST), held: onlyHeld || undefined };
}

/** "a, b and 3 more", by the words given. */
export function recipientsText(row: Pick<QueueRow, "to" | "recipients">, more: (names: string, n: number) => string): string {
  const names = row.to.join(", ");
  const rest = row.recipients - row.to.length;
  return rest > 0 ? more(names, rest) : names;
}

/** Whether an attempt is due: what was let go or retried has a time long ago. */
export function isDue(nextAttempt: string, now: number = Date.now()): boolean {
  return new Date(nextAttempt).getTime() <= now;
}
