/** How messages stand together in a conversation: days, runs of one person, and which of them shows its state. */
import type { Entries, Entry } from "./timeline.js";

export interface Run {
  /** Key of its first entry. */
  readonly key: string;
  readonly mine: boolean;
  readonly headline: boolean;
  readonly entries: Entries;
}

export interface Day {
  /** Local midnight in milliseconds. */
  readonly start: number;
  readonly runs: readonly Run[];
}

/** Milliseconds after which the same person's next message begins a new run. */
const PAUSE = 5 * 60_000;

function midnight(time: number): number {
  const date = new Date(time);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

function continues(run: Entries, entry: Entry, newFrom: string | null): boolean {
  const last = run.at(-1);
  if (!last || entry.key === newFrom) return false;
  return last.mine === entry.mine && last.headline === entry.headline && Math.abs(entry.time - last.time) < PAUSE;
}

/** Messages by day and run; `newFrom` is the key of the first unread one, which begins a run. */
export function daysOf(entries: Entries, newFrom: string | null): Day[] {
  const days: { start: number; runs: { key: string; mine: boolean; headline: boolean; entries: Entry[] }[] }[] = [];
  for (const entry of entries) {
    const start = midnight(entry.time);
    let day = days.at(-1);
    // A clock that goes back, here or there, opens no day again.
    if (!day || start > day.start) days.push((day = { start, runs: [] }));
    const run = day.runs.at(-1);
    if (run && continues(run.entries, entry, newFrom)) run.entries.push(entry);
    else day.runs.push({ key: entry.key, mine: entry.mine, headline: entry.headline, entries: [entry] });
  }
  return days;
}

/** The name of a day: today and yesterday in the language's own words. */
export function dayText(start: number, now: number, locale: string): string {
  const days = Math.round((midnight(now) - start) / 86_400_000);
  if (days === 0 || days === 1) {
    const text = new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(-days, "day");
    return text.charAt(0).toLocaleUpperCase(locale) + text.slice(1);
  }
  const sameYear = new Date(start).getFullYear() === new Date(now).getFullYear();
  return new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long", ...(sameYear ? {} : { year: "numeric" }) }).format(start);
}

/** Whether a text is nothing but a few emoji, which are then shown large. */
export function isEmoji(text: string): boolean {
  return text.length <= 24 && /^(?:\p{Extended_Pictographic}(?:\ufe0f|\p{Emoji_Modifier}|\u200d\p{Extended_Pictographic})*\s*){1,3}$/u.test(text.trim());
}
