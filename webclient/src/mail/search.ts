/**
 * Search words to a JMAP filter (RFC 8621 §4.4.1).
 *
 *   words "a phrase" from: to: cc: subject: in:<folder>|anywhere has:attachment
 *   is:unread|read|starred before:2026-01-31 after: larger:5M smaller: -word OR
 *
 * Words outside an operator look at the whole message. Junk and Trash are left
 * out unless `in:` names a place.
 */
import type { EmailCondition, Filter, Id } from "../jmap/types.js";

export interface SearchPlaces {
  /** The id of a folder by role or name, or undefined. */
  readonly find: (name: string) => Id | undefined;
  /** Folders not searched by default. */
  readonly leftOut: readonly Id[];
}

const TOKEN = /(-?)(?:([a-z]+):)?(?:"([^"]*)"?|(\S+))/gi;
const FACTORS: Readonly<Record<string, number>> = { k: 1e3, m: 1e6, g: 1e9 };

function sizeOf(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([kmg]?)b?$/i.exec(text);
  return match ? Math.round(Number(match[1]) * (FACTORS[match[2]?.toLowerCase() ?? ""] ?? 1)) : undefined;
}

function dateOf(text: string): string | undefined {
  const match = /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})$/.exec(text);
  if (!match) return undefined;
  const date = new Date(Number(match[1]), Number(match[2]) - 1, Number(match[3]));
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString().replace(/\.\d+Z$/, "Z");
}

function isCondition(value: string): EmailCondition | undefined {
  const known: Readonly<Record<string, EmailCondition>> = {
    unread: { notKeyword: "$seen" },
    read: { hasKeyword: "$seen" },
    starred: { hasKeyword: "$flagged" },
    answered: { hasKeyword: "$answered" },
    draft: { hasKeyword: "$draft" },
  };
  return known[value.toLowerCase()];
}

/** The condition of one operator, or undefined when it is not one: then it is searched for as it stands. */
function operator(name: string, value: string): EmailCondition | undefined {
  switch (name) {
    case "from":
    case "to":
    case "cc":
    case "subject":
    case "body":
      return { [name]: value };
    case "has":
      return value.startsWith("attachment") ? { hasAttachment: true } : undefined;
    case "is":
      return isCondition(value);
    case "before":
    case "after": {
      const date = dateOf(value);
      return date ? { [name]: date } : undefined;
    }
    case "larger":
    case "smaller": {
      const size = sizeOf(value);
      return size === undefined ? undefined : { [name === "larger" ? "minSize" : "maxSize"]: size };
    }
    default:
      return undefined;
  }
}

function all(conditions: readonly Filter[]): Filter {
  return conditions.length === 1 && conditions[0] ? conditions[0] : { operator: "AND", conditions };
}

/** The filter for what stands in the search box. */
export function parseSearch(words: string, places: SearchPlaces): Filter {
  const groups: Filter[][] = [[]];
  let place: Filter | null = places.leftOut.length ? { inMailboxOtherThan: places.leftOut } : null;
  for (const [whole, minus, name, phrase, word] of words.matchAll(TOKEN)) {
    if (whole === "OR") {
      groups.push([]);
      continue;
    }
    const value = phrase ?? word ?? "";
    if (name?.toLowerCase() === "in" && value) {
      const id = places.find(value);
      if (id !== undefined || value === "anywhere") {
        place = id === undefined ? null : { inMailbox: id };
        continue;
      }
    }
    const found = (name && value && operator(name.toLowerCase(), value)) || { text: name ? `${name}:${value}` : value };
    groups.at(-1)?.push(minus ? { operator: "NOT", conditions: [found] } : found);
  }
  const filled = groups.filter((group) => group.length);
  const wanted = filled.length > 1 ? [{ operator: "OR" as const, conditions: filled.map(all) }] : (filled[0] ?? []);
  return all(place ? [place, ...wanted] : wanted);
}
