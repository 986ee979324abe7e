/** Which windows have room beside each other on a desk. */

export type WindowState = "open" | "folded" | "full";

/** Pixels that an open window, a folded one, the button for those that have no room, the edges take. */
export const OPEN = 572;
export const FOLDED = 252;
export const MORE = 84;
const EDGE = 32;

export interface Place<T> {
  readonly item: T;
  readonly state: WindowState;
}

/** The newest (last) come first; what has no room is shown folded, or at last not at all (`hidden`). Pixels taken come along. */
export function arrange<T extends { readonly state: WindowState }>(items: readonly T[], width: number): { shown: readonly Place<T>[]; hidden: readonly T[]; taken: number } {
  const shown: Place<T>[] = [];
  const hidden: T[] = [];
  let free = width - EDGE;
  let used = 0;
  for (const [index, item] of items.toReversed().entries()) {
    if (item.state === "full") {
      shown.push({ item, state: "full" });
      continue;
    }
    const state = item.state === "folded" || (free < OPEN && index > 0) ? "folded" : "open";
    const wanted = state === "open" ? OPEN : FOLDED;
    // Those that follow may have no room; then their button needs some.
    const kept = index < items.length - 1 ? MORE : 0;
    if (hidden.length || (free < wanted + kept && index > 0)) {
      hidden.push(item);
      continue;
    }
    free -= wanted;
    used += wanted;
    shown.push({ item, state });
  }
  return { shown: shown.toReversed(), hidden, taken: used + (hidden.length ? MORE : 0) };
}
