/** Whom an answer goes to, and how it is named and threaded (RFC 5322 §3.6). */
import type { EmailAddress } from "../jmap/types.js";
import { recipientsOf, type Original, type Recipient } from "./letter.js";

/** How many message ids References keeps: the first, and the last ones. */
const MAX_REFERENCES = 40;

/** What mail programs of the world put before the subject of an answer, or of a message passed on. */
const ANSWER = /^\s*(?:re|aw|antw|sv|vs|ref|rif|odp|ynt|回复|答复)\s*(?:\[\d+\])?\s*[:：]\s*/i;
const FORWARD = /^\s*(?:fwd?|wg|tr|rv|enc|vb|vl|pd|转发)\s*(?:\[\d+\])?\s*[:：]\s*/i;

function stripped(subject: string, prefix: RegExp): string {
  let rest = subject;
  while (prefix.test(rest)) rest = rest.replace(prefix, "");
  return rest.trim();
}

/** "Re: " once, whatever stood there before. */
export function replySubject(subject: string | null): string {
  return `Re: ${stripped(subject ?? "", ANSWER)}`.trimEnd();
}

/** "Fwd: " once. */
export function forwardSubject(subject: string | null): string {
  return `Fwd: ${stripped(subject ?? "", FORWARD)}`.trimEnd();
}

function keyOf(email: string): string {
  return email.trim().toLowerCase();
}

/** People of the lists, each once, without those of `without`. */
function distinct(people: readonly Recipient[], without: ReadonlySet<string>): Recipient[] {
  const seen = new Set(without);
  return people.filter(({ email }) => {
    const key = keyOf(email);
    if (!key || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/**
 * Whom an answer goes to. `own`: the addresses of the account, in lower case; they are left
 * out, unless nobody else is there. An answer to what one wrote oneself goes to those it went to.
 */
export function replyRecipients(original: Original, own: ReadonlySet<string>, all: boolean): { to: readonly Recipient[]; cc: readonly Recipient[] } {
  const isOwn = (people: readonly EmailAddress[] | null): boolean => people?.some(({ email }) => own.has(keyOf(email))) ?? false;
  const to = recipientsOf(original.to);
  const cc = recipientsOf(original.cc);
  const senders = recipientsOf(original.replyTo?.length ? original.replyTo : original.from);
  const mine = isOwn(original.from) && !original.replyTo?.length;
  const first = mine && to.length ? to : all ? [...senders, ...to] : senders;
  const others = distinct(first, own);
  const toThem = others.length ? others : distinct(mine && to.length ? to : senders, new Set());
  if (!all) return { to: toThem, cc: [] };
  const known = new Set([...own, ...toThem.map(({ email }) => keyOf(email))]);
  return { to: toThem, cc: distinct(cc, known) };
}

/** In-Reply-To and References of an answer. */
export function threadOf(original: Original): { inReplyTo: readonly string[]; references: readonly string[] } {
  const inReplyTo = original.messageId ?? [];
  const before = original.references?.length ? original.references : original.inReplyTo?.length === 1 ? original.inReplyTo : [];
  const all = [...new Set([...before, ...inReplyTo])];
  const [first] = all;
  const references = all.length > MAX_REFERENCES && first !== undefined ? [first, ...all.slice(1 - MAX_REFERENCES)] : all;
  return { inReplyTo, references };
}

/** The first of the account's addresses that a message was sent to, to answer from it. */
export function addressedAs(original: Original, own: readonly string[]): string | undefined {
  const known = new Set(own);
  const people = [...(original.to ?? []), ...(original.cc ?? []), ...(original.bcc ?? []), ...(original.from ?? [])];
  return people.map(({ email }) => keyOf(email)).find((email) => known.has(email));
}
