/** What becomes of what is asked of the server. */
import { Problem } from "../core/http.js";
import type { Refusal } from "./drafts.js";

/** Milliseconds that a save under way may keep the tab waiting that takes a letter over. */
export const HAND_OVER_WITHIN = 2_000;

/** Whether the server was not there to hear a request: it may be tried again. */
export function isUnreached(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof Problem && [502, 503, 504].includes(error.status));
}

/** Whether something is done in that time. */
export function within(milliseconds: number, done: Promise<void>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), milliseconds);
    void done.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

/** What is said against which addresses. */
export function problemsOf(reason: Refusal, words: string): Readonly<Record<string, string>> {
  return Object.fromEntries((reason.invalidRecipients ?? []).map((address) => [address.toLowerCase(), words]));
}
