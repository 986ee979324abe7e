/** What happened to mails, as the operation `trace` tells it. */
import type { Arguments } from "./api.js";

export const WHAT = [
  "accepted", "filtered", "expanded", "copied", "waits", "retried", "held", "released",
  "delivered", "relayed", "failed", "removed", "ended", "notice", "autoreply",
] as const;
export type What = (typeof WHAT)[number];

export interface TraceEvent {
  readonly time: string;
  readonly what: string;
  readonly address: string;
  readonly detail: string;
  readonly next_attempt: string | null;
  /** The number of a mail this one caused. */
  readonly other: number | null;
}

export interface TracedHead {
  readonly id: number;
  readonly time: string;
  readonly message_id: string;
  readonly from: string;
  readonly size: number;
  readonly origin: string;
  readonly source: string;
}

export interface TraceRow extends TracedHead {
  readonly recipients: number;
  readonly to: readonly string[];
  readonly under_way: boolean;
  readonly last: TraceEvent | null;
}

/** What was refused at the door, within one minute. */
export interface Refusal {
  readonly minute: string;
  readonly last: string;
  readonly count: number;
  /** The other server's address. */
  readonly peer: string;
  readonly from: string;
  readonly to: string;
  /** 0 where different refusals were counted together; the addresses are "*" then. */
  readonly code: number;
  readonly reply: string;
}

export interface WaitingRecipient {
  readonly address: string;
  readonly state: "held" | "waiting";
  readonly next_attempt: string | null;
  readonly reason: string;
}

export interface TracedMail extends TracedHead {
  readonly events: readonly TraceEvent[];
  readonly waiting: readonly WaitingRecipient[];
}

export interface Way {
  readonly mails: readonly TracedMail[];
  /** There is more than is shown. */
  readonly cut: boolean;
}

export interface TraceForm {
  /** A Message-ID or a number. */
  readonly mail: string;
  readonly from: string;
  readonly to: string;
  /** As <input type="datetime-local"> has it: local time without a zone. */
  readonly since: string;
  readonly until: string;
}

export const EMPTY: TraceForm = { mail: "", from: "", to: "", since: "", until: "" };
/** Rows fetched at once. */
export const PAGE = 50;

function instant(local: string): string | undefined {
  const date = new Date(local);
  return local && !Number.isNaN(date.getTime()) ? date.toISOString() : undefined;
}

/** The arguments that list mails; one more than is shown is asked for, to know whether there are more. */
export function listArguments(form: TraceForm, before?: number): Arguments {
  const text = (value: string): string | undefined => value.trim() || undefined;
  return { from: text(form.from), to: text(form.to), since: instant(form.since), until: instant(form.until), limit: PAGE + 1, before };
}

/** One page out of what came: the rows to show, and whether there are more. */
export function pageOf(rows: readonly TraceRow[]): { rows: readonly TraceRow[]; more: boolean } {
  return { rows: rows.slice(0, PAGE), more: rows.length > PAGE };
}

/** How well it goes: what a line's mark is coloured by. */
export function moodOf(what: string): "good" | "warn" | "bad" | "plain" {
  switch (what) {
    case "delivered":
    case "relayed":
      return "good";
    case "waits":
      return "warn";
    case "held":
    case "failed":
    case "removed":
      return "bad";
    default:
      return "plain";
  }
}
