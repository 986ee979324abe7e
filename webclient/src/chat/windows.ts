/** Which conversations are docked at the lower edge, in which order, open or folded; kept for a reload of the page. */
import { computed, signal } from "@preact/signals";
import { DOCK_KEY } from "./memory.js";

export interface DockWindow {
  readonly jid: string;
  readonly folded: boolean;
}

/** Pixels that an open window, a folded one, and the edge take. */
export const OPEN = 332;
export const FOLDED = 196;
const EDGE = 32;
const LIMIT = 12;

/** The windows that have room beside each other; the newest stand first, the others are shown folded or, at last, not at all. */
export function arrange(windows: readonly DockWindow[], width: number): { shown: readonly DockWindow[]; hidden: readonly DockWindow[] } {
  const shown: DockWindow[] = [];
  const hidden: DockWindow[] = [];
  let room = width - EDGE;
  for (const [index, item] of windows.entries()) {
    const wanted = item.folded || (room < OPEN && index > 0) ? FOLDED : OPEN;
    if (room < wanted && index > 0) hidden.push(item);
    else {
      room -= wanted;
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
  readonly width = signal(innerWidth);
  readonly arranged = computed(() => arrange(this.list.value, this.width.value));
  /** The window that is to get the focus when it is drawn. */
  readonly focusing = signal<string | null>(null);

  constructor() {
    addEventListener("resize", () => (this.width.value = innerWidth));
  }

  /** Opens a window, in front of the others if it would have no room, and gives it the focus. */
  open(jid: string): void {
    const place = this.arranged.value.shown.findIndex((item) => item.jid === jid && !item.folded);
    if (place < 0) this.save([{ jid, folded: false }, ...this.list.value.filter((item) => item.jid !== jid)]);
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
