/** The rules for mail, and what they would do with one, as the operations on filters give them. */

export interface RuleProblem {
  /** 0 where it is the file's own. */
  readonly rule: number | null;
  readonly name: string;
  readonly path: string;
  readonly text: string;
  readonly hint: string;
}

export interface RuleHead {
  readonly number: number;
  readonly name: string;
  readonly enabled: boolean;
  readonly queue: "local" | "remote" | "both";
  readonly match: "all" | "any";
}

export interface RuleRow extends RuleHead {
  readonly conditions: readonly string[];
  readonly actions: readonly string[];
}

export interface RuleList {
  readonly file: string;
  /** False if no good rules were ever read: mail waits. */
  readonly in_force: boolean;
  readonly enabled: boolean;
  readonly problems: readonly RuleProblem[];
  readonly rules: readonly RuleRow[];
}

export interface TestedRule extends RuleHead {
  readonly matched: boolean;
  readonly note: string;
  readonly conditions: readonly { readonly text: string; readonly holds: boolean; readonly seen: string }[];
  readonly actions: readonly { readonly text: string; readonly expanded: string | null }[];
}

export interface TestResult {
  readonly sender: string;
  readonly recipient: string;
  readonly local: boolean;
  readonly problems: readonly RuleProblem[];
  readonly rules: readonly TestedRule[];
  readonly notes: readonly string[];
  readonly instant_messages: readonly { readonly to: string; readonly from: string; readonly text: string }[];
  readonly outcome: string;
}

/** The largest mail the operation takes. */
export const MAX_OCTETS = 700_000;
const CHUNK = 0x8000;

/** Octets in base64. */
export function base64(octets: Uint8Array): string {
  let text = "";
  for (let at = 0; at < octets.length; at += CHUNK) text += String.fromCharCode(...octets.subarray(at, at + CHUNK));
  return btoa(text);
}

/** A pasted mail as octets, with the line ends mail has (RFC 5322 2.3). */
export function octetsOf(pasted: string): Uint8Array {
  return new TextEncoder().encode(pasted.replace(/\r?\n/g, "\r\n"));
}
