/**
 * One's own presence: what one has chosen, and "away" when nobody has touched
 * anything for a while. All tabs count as one person.
 */
import { computed, signal } from "@preact/signals";
import type { Presence } from "./index.js";
import type { Chosen, Memory } from "./memory.js";
import type { OwnPresence } from "./stanzas.js";

/** Milliseconds between looks at the clock, and between words to the other tabs. */
const LOOK = 10_000;
const INPUT = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"] as const;

/** What is sent for a choice when nobody has touched anything since `idleSince` (milliseconds; null: somebody is there). */
export function effective(chosen: Chosen, idleSince: number | null): OwnPresence {
  const status = chosen.status || undefined;
  if (idleSince === null || chosen.show !== "online") return { show: chosen.show, status };
  return { show: "away", status, idleSince: new Date(idleSince).toISOString() };
}

export class OwnPresenceKeeper {
  readonly chosen = signal<Chosen>({ show: "online", status: "" });
  /** Since when nobody is there, in milliseconds; null while somebody is. */
  readonly idleSince = signal<number | null>(null);
  readonly sent = computed<OwnPresence>(() => effective(this.chosen.value, this.idleSince.value));
  readonly shown = computed<Presence>(() => ({ show: this.sent.value.show, status: this.sent.value.status }));
  private touched = Date.now();
  private told = 0;
  private readonly tabs = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("mailim-input");

  /** `idle`: milliseconds without input before one is away. */
  constructor(
    private readonly memory: Memory,
    private readonly idle: number,
  ) {
    this.chosen.value = memory.chosen;
    memory.follow(() => (this.chosen.value = memory.chosen));
  }

  start(): void {
    for (const name of INPUT) addEventListener(name, this.touch, { passive: true, capture: true });
    this.tabs?.addEventListener("message", () => this.awake(Date.now()));
    setInterval(() => this.look(), LOOK);
  }

  choose(change: Partial<Chosen>): void {
    const chosen = { ...this.chosen.value, ...change };
    this.memory.choose(chosen);
    this.chosen.value = chosen;
  }

  private readonly touch = (): void => {
    const now = Date.now();
    this.awake(now);
    if (now - this.told < LOOK) return;
    this.told = now;
    this.tabs?.postMessage(null);
  };

  private awake(now: number): void {
    this.touched = now;
    if (this.idleSince.value !== null) this.idleSince.value = null;
  }

  private look(): void {
    if (this.idleSince.value === null && Date.now() - this.touched >= this.idle) this.idleSince.value = this.touched;
  }
}
