/** `mailto:` links (RFC 6068). */
import type { Recipient } from "./letter.js";
import { readRecipients } from "./recipient-text.js";

export interface Mailto {
  readonly to: readonly Recipient[];
  readonly cc: readonly Recipient[];
  readonly bcc: readonly Recipient[];
  readonly subject: string;
  readonly body: string;
}

/** Longest link that is read, in characters; and longest text taken over. */
const MAX_LINK = 20_000;

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a broken escape stays as it is written
  }
}

/** Reads a link; null if it is none. Fields other than these (RFC 6068 §4) are not taken over: a link must not choose them. */
export function parseMailto(href: string): Mailto | null {
  if (!/^mailto:/i.test(href) || href.length > MAX_LINK) return null;
  const [addresses = "", query = ""] = href.slice("mailto:".length).replace(/#.*$/, "").split(/\?(.*)/s);
  const fields = new Map<string, string[]>();
  for (const pair of query.split("&")) {
    const [name = "", value = ""] = pair.split(/=(.*)/s);
    const key = decoded(name).toLowerCase();
    fields.set(key, [...(fields.get(key) ?? []), decoded(value)]);
  }
  const list = (name: string): readonly Recipient[] => (fields.get(name) ?? []).flatMap((value) => readRecipients(value));
  // Addresses are separated before they are decoded: "%2C" is part of one (RFC 6068 §2).
  const first = addresses.split(",").flatMap((each) => readRecipients(decoded(each)));
  return {
    to: [...first, ...list("to")],
    cc: list("cc"),
    bcc: list("bcc"),
    subject: (fields.get("subject") ?? []).join(" ").replace(/[\r\n]+/g, " "),
    body: (fields.get("body") ?? []).join("\n").replace(/\r\n?/g, "\n"),
  };
}
