/** Which conversations are docked at the lower edge, in which order, open or folded; kept for a reload of the page. */
import { computed, effect, signal } from "@preact/signals";
import { beside } from "../compose/index.js";
import { DOCK_KEY } from "./memory.js";

export interface DockWindow {
  readonly jid: string;
  readonly folded: boolean;
}

/** Pixels that an open window, a folded one, the button for those that have no room, and the edge take. */
export const OPEN = 332;
export const FOLDED = 196;
const MORE = 84;
const EDGE = 32;
const LIMIT = 12;

/** The windows that have room beside each other; the newest stand first, the others are shown folded or, at last, not at all. */
export function arrange(windows: readonly DockWindow[], width: number): { shown: readonly DockWindow[]; hidden: readonly DockWindow[] } {
  const shown: DockWindow[] = [];
  const hidden: DockWindow[] = [];
  let free = width - EDGE;
  for (const [index, item] of windows.entries()) {
    const wanted = item.folded || (free < OPEN && index > 0) ? FOLDED : OPEN;
    if (free < wanted && index > 0) hidden.push(item);
    else {
      free -= wanted;
      shown.push(wanted === FOLDED ? { ...item, folded: true } : item);
    }
  }
  return { shown, hidden };
}

function restore(): readonly DockWindow[] {
  try {
    const found: unknown = JSON.parse(sessionStorage.getItem(DOCK_KEY) ?? "[]");
    if (!Array.isArray(found)) return [];
    return found.flatMap((item: unknown) => {
      const { jid, folded } = (item ?? {}) as Partial<DockWindow>;
      return typeof jid === "string" && jid ? [{ jid, folded: folded === true }] : [];
    });
  } catch {
    return [];
  }
}

export class Windows {
  readonly list = signal<readonly DockWindow[]>(restore());
  readonly width = signal(0);
  readonly arranged = computed(() => arrange(this.list.value, this.width.value));
  /** The window that is to get the focus when it is drawn. */
  readonly focusing = signal<string | null>(null);

  /** `room`: pixels there are for all windows together. */
  constructor(room: () => number) {
    effect(() => {
      this.width.value = room();
    });
    effect(() => {
      const open = this.list.value.some(({ folded }) => !folded);
      const others = this.list.value.length > 1 ? MORE : 0;
      beside.value = open ? OPEN + others : this.list.value.length ? FOLDED + others : 0;
    });
    addEventListener("resize", () => (this.width.value = room()));
  }

  /** Opens a window, in front of the others if it would have no room, and gives it the focus. */
  open(jid: string): void {
    if (!this.arranged.value.shown.some((item) => item.jid === jid && !item.folded)) {
      const { shown, hidden } = arrange([{ jid, folded: false }, ...this.list.value.filter((item) => item.jid !== jid)], this.width.value);
      // What has no room any more stays folded, also when there is room again.
      this.save([...shown, ...hidden.map((item) => ({ ...item, folded: true }))]);
    }
    this.focusing.value = jid;
  }

  /** Shows a folded window for a conversation that has none. */
  hint(jid: string): void {
    if (!this.list.value.some((item) => item.jid === jid)) this.save([...this.list.value, { jid, folded: true }]);
  }

  fold(jid: string, folded: boolean): void {
    if (!folded) this.open(jid);
    else this.save(this.list.value.map((item) => (item.jid === jid ? { jid, folded } : item)));
  }

  close(jid: string): void {
    this.save(this.list.value.filter((item) => item.jid !== jid));
  }

  private save(list: readonly DockWindow[]): void {
    this.list.value = list.slice(0, LIMIT);
    try {
      sessionStorage.setItem(DOCK_KEY, JSON.stringify(this.list.value));
    } catch {
      // without storage the windows are gone after a reload
    }
  }
}
