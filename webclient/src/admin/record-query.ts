/** The search form of the record, as the operation wants it. */
import type { Arguments } from "./api.js";

export const KINDS = ["message", "presence", "subscription", "login", "logout", "refusal", "operation", "disposition"] as const;
export type Kind = (typeof KINDS)[number];

export interface RecordForm {
  readonly from: string;
  readonly to: string;
  /** As <input type="datetime-local"> has it: local time without a zone. */
  readonly since: string;
  readonly until: string;
  readonly text: string;
  readonly kind: Kind | "";
}

export const EMPTY: RecordForm = { from: "", to: "", since: "", until: "", text: "", kind: "message" };

export interface RecordRow {
  readonly id: string;
  readonly time: string;
  readonly kind: Kind;
  readonly from: string;
  readonly to: string;
  readonly body: string;
  readonly disposition: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly erased?: boolean;
  readonly refers?: number | null;
}

/** Rows fetched at once. */
export const PAGE = 50;

function instant(local: string): string | undefined {
  const date = new Date(local);
  return local && !Number.isNaN(date.getTime()) ? date.toISOString() : undefined;
}

/** The arguments of record.search; one row more than shown is asked for, to know whether there are more. */
export function argumentsOf(form: RecordForm, before?: string): Arguments {
  const text = (value: string): string | undefined => (value.trim() ? value.trim() : undefined);
  return {
    from: text(form.from),
    to: text(form.to),
    since: instant(form.since),
    until: instant(form.until),
    text: text(form.text),
    kind: form.kind || undefined,
    limit: PAGE + 1,
    before: before === undefined ? undefined : Number(before),
  };
}

/** One page out of what came: the rows to show, and whether there are more. */
export function pageOf(rows: readonly RecordRow[]): { rows: readonly RecordRow[]; more: boolean } {
  return { rows: rows.slice(0, PAGE), more: rows.length > PAGE };
}
