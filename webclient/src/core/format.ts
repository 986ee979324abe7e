/** Dates, sizes and names as people read them; all language data comes from the browser's Intl. */
import { locale } from "./i18n.js";

const cache = new Map<string, Intl.DateTimeFormat>();

function formatter(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = locale.value + JSON.stringify(options);
  let found = cache.get(key);
  if (!found) cache.set(key, (found = new Intl.DateTimeFormat(locale.value, options)));
  return found;
}

function startOfDay(date: Date): number {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** Short form for lists: time today, weekday in the last six days, day and month this year, else the full date. */
export function shortDate(iso: string, now: Date = new Date()): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return "";
  const days = Math.round((startOfDay(now) - startOfDay(date)) / 86_400_000);
  if (days === 0) return formatter({ hour: "numeric", minute: "2-digit" }).format(date);
  if (days > 0 && days < 7) return formatter({ weekday: "short" }).format(date);
  if (date.getFullYear() === now.getFullYear()) return formatter({ day: "numeric", month: "short" }).format(date);
  return formatter({ day: "numeric", month: "short", year: "numeric" }).format(date);
}

/** Date and time in full, for headers and tooltips. */
export function longDate(iso: string): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? "" : formatter({ dateStyle: "full", timeStyle: "short" }).format(date);
}

/** Time of day only. */
export function clockTime(iso: string): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? "" : formatter({ hour: "numeric", minute: "2-digit" }).format(date);
}

const STEPS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

/** "5 minutes ago", "in 2 hours". */
export function relativeTime(iso: string, now: number = Date.now()): string {
  const seconds = Math.round((new Date(iso).getTime() - now) / 1000);
  if (Number.isNaN(seconds)) return "";
  const format = new Intl.RelativeTimeFormat(locale.value, { numeric: "auto" });
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length || unit === "second") return format.format(Math.trunc(seconds / length), unit);
  }
  return "";
}

/** Octets as B, kB, MB or GB (powers of 1000, as the disk makers and browsers count). */
export function fileSize(octets: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;
  let value = octets;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  // "byte" in short form is a word, and in narrow form sticks to the number.
  if (unit === 0) return `${new Intl.NumberFormat(locale.value).format(value)} B`;
  const digits = value < 10 ? 1 : 0;
  return new Intl.NumberFormat(locale.value, {
    style: "unit",
    unit: units[unit] ?? "byte",
    unitDisplay: "short",
    maximumFractionDigits: digits,
  }).format(value);
}
