/** The windows of this tab, kept for a reload. */
import type { Id } from "../jmap/types.js";
import type { WindowState } from "./arrange.js";
import { WINDOWS_KEY } from "./index.js";

/** What is remembered of a window for a reload. */
export interface Remembered {
  readonly accountId: Id;
  readonly key: string;
  readonly draftId: Id | null;
  readonly state: WindowState;
}

export function remember(windows: readonly Remembered[]): void {
  try {
    if (windows.length) sessionStorage.setItem(WINDOWS_KEY, JSON.stringify(windows));
    else sessionStorage.removeItem(WINDOWS_KEY);
  } catch {
    // after a reload one finds them among the drafts
  }
}

/** The windows of this tab that were of this account. */
export function remembered(account: Id): readonly Remembered[] {
  try {
    const found: unknown = JSON.parse(sessionStorage.getItem(WINDOWS_KEY) ?? "[]");
    if (!Array.isArray(found)) return [];
    return found.flatMap((item: unknown) => {
      const { accountId, key, draftId, state } = (item ?? {}) as Partial<Remembered>;
      if (typeof key !== "string" || accountId !== account) return [];
      return [{ accountId, key, draftId: typeof draftId === "string" ? draftId : null, state: state === "folded" || state === "full" ? state : "open" }];
    });
  } catch {
    return [];
  }
}
