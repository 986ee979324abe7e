/** A message while it is written: everything of it as plain data, which can be kept and compared. */
import type { BodyPart, BodyValue, EmailAddress, EmailFull, Id } from "../jmap/types.js";
import type { Recipient } from "./recipient-text.js";

export type { Recipient } from "./recipient-text.js";

export type Format = "html" | "plain";

/** An attached file as it lies on the server. */
export interface Part {
  readonly blobId: Id;
  readonly name: string;
  readonly type: string;
  readonly size: number;
  /** Content-ID of a picture in the text, else null. */
  readonly cid: string | null;
}

/** The message this one answers or passes on, and how it is marked when this one is sent. */
export interface Answered {
  readonly id: Id;
  readonly keyword: "$answered" | "$forwarded";
}

export interface Letter {
  /** As whom it is sent (RFC 8621 §6); null for the account's own address. */
  readonly identityId: Id | null;
  readonly to: readonly Recipient[];
  readonly cc: readonly Recipient[];
  readonly bcc: readonly Recipient[];
  readonly subject: string;
  readonly format: Format;
  /** The text as HTML; of meaning where `format` says so. */
  readonly html: string;
  /** The text as plain text, always. */
  readonly text: string;
  readonly parts: readonly Part[];
  /** Message ids without brackets (RFC 5322 §3.6.4). */
  readonly inReplyTo: readonly string[];
  readonly references: readonly string[];
  readonly answered: Answered | null;
}

/** A message as the server has it, with what answering it needs. */
export interface Original extends EmailFull {
  readonly inReplyTo: readonly string[] | null;
  readonly references: readonly string[] | null;
}

export const NO_LETTER: Letter = {
  identityId: null,
  to: [],
  cc: [],
  bcc: [],
  subject: "",
  format: "plain",
  html: "",
  text: "",
  parts: [],
  inReplyTo: [],
  references: [],
  answered: null,
};

/** Words that are no address were quoted to stand in a field (RFC 5322, section 3.4.1); they come back as they were written. */
function asWritten(email: string): string {
  return /^"([^"\\@]*)"$/.exec(email)?.[1] ?? email;
}

export function recipientsOf(people: readonly EmailAddress[] | null): readonly Recipient[] {
  return (people ?? []).map(({ name, email }) => ({ name: name?.trim() ?? "", email: asWritten(email) })).filter(({ name, email }) => name !== "" || email !== "");
}

/** What the parts of a body say together. */
function joined(parts: readonly BodyPart[], values: Readonly<Record<string, BodyValue>>, type: string): string {
  const own = parts.filter((part) => part.type === type && part.disposition !== "attachment");
  return own.map((part) => values[part.partId ?? ""]?.value ?? "").join("\n");
}

/** The formatted text of a message; "" if it has none. */
export function htmlOfEmail(email: Original): string {
  return joined(email.htmlBody, email.bodyValues, "text/html");
}

/** The plain text of a message; "" if it has none. */
export function textOfEmail(email: Original): string {
  return joined(email.textBody, email.bodyValues, "text/plain").replace(/\r\n?/g, "\n");
}

/** The files of a message. Pictures the HTML shows keep their Content-ID; others, and all of a plain text, lose it. */
export function partsOfEmail(email: Original, html: string): readonly Part[] {
  return email.attachments.flatMap((part) => {
    if (part.blobId === null) return [];
    const shown = part.cid !== null && part.disposition !== "attachment" && html.includes(`cid:${part.cid}`);
    return [{ blobId: part.blobId, name: part.name ?? "", type: part.type, size: part.size, cid: shown ? part.cid : null }];
  });
}

/** A draft as it goes on being written; `identityId` as the sender's address tells. */
export function letterOfDraft(email: Original, identityOf: (address: string) => Id | null): Letter {
  const html = htmlOfEmail(email);
  return {
    identityId: identityOf(email.from?.[0]?.email ?? ""),
    to: recipientsOf(email.to),
    cc: recipientsOf(email.cc),
    bcc: recipientsOf(email.bcc),
    subject: email.subject ?? "",
    format: html ? "html" : "plain",
    html,
    text: textOfEmail(email),
    parts: partsOfEmail(email, html),
    inReplyTo: email.inReplyTo ?? [],
    references: email.references ?? [],
    answered: null,
  };
}
