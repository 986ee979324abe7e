/** A letter as an Email object for Email/set (RFC 8621 §4.6). */
import type { EmailAddress, Id } from "../jmap/types.js";
import type { Identity } from "./identities.js";
import type { Letter, Part, Recipient } from "./letter.js";

/** Characters of a file's name; the server takes no more. */
const MAX_NAME = 255;
const TYPE = /^[!#$&^_.+\w-]{1,127}\/[!#$&^_.+\w-]{1,127}$/;
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;

function clean(text: string): string {
  return text.replace(CONTROLS, " ").trim();
}

function people(list: readonly Recipient[]): readonly EmailAddress[] | null {
  const written = list.map(({ name, email }) => ({ name: clean(name) || null, email: clean(email) }));
  return written.length ? written : null;
}

/** A media type a part may have; files of unknown or odd type are octets. */
export function mediaType(given: string): string {
  const type = (given.split(";")[0] ?? "").trim().toLowerCase();
  return TYPE.test(type) && !type.startsWith("multipart/") ? type : "application/octet-stream";
}

/** A file's name that can stand in a header; the end, which tells its kind, stays. */
export function fileName(given: string): string {
  const name = clean(given).replace(/[/\\]/g, "_");
  if (name.length <= MAX_NAME) return name;
  const end = /\.[^.]{1,12}$/.exec(name)?.[0] ?? "";
  return name.slice(0, MAX_NAME - end.length) + end;
}

function attachmentOf(part: Part): Readonly<Record<string, unknown>> {
  const name = fileName(part.name);
  return {
    blobId: part.blobId,
    type: mediaType(part.type),
    disposition: part.cid === null ? "attachment" : "inline",
    ...(name ? { name } : {}),
    ...(part.cid === null ? {} : { cid: part.cid }),
  };
}

/** A whole document: some programs take a bare fragment for plain text. */
export function documentOf(html: string): string {
  return `<!DOCTYPE html><html><head><meta charset="utf-8"></head><body>${html}</body></html>`;
}

function bodyOf(letter: Letter): Readonly<Record<string, unknown>> {
  const text = { value: letter.text };
  if (letter.format === "plain") return { textBody: [{ partId: "text", type: "text/plain" }], bodyValues: { text } };
  return {
    textBody: [{ partId: "text", type: "text/plain" }],
    htmlBody: [{ partId: "html", type: "text/html" }],
    bodyValues: { text, html: { value: documentOf(letter.html) } },
  };
}

/** The parts that travel: pictures of a text that no longer shows them, or is plain, are left out. */
export function travellingParts(letter: Letter): readonly Part[] {
  return letter.parts.filter((part) => part.cid === null || (letter.format === "html" && letter.html.includes(`cid:${part.cid}`)));
}

/** The object to create, as a draft in `mailboxId`; `messageId` stays the same while it is written. */
export function emailOf(letter: Letter, identity: Identity, mailboxId: Id, messageId: string): Readonly<Record<string, unknown>> {
  return {
    mailboxIds: { [mailboxId]: true },
    messageId: [messageId],
    keywords: { $draft: true, $seen: true },
    from: [{ name: clean(identity.name) || null, email: identity.email }],
    to: people(letter.to),
    cc: people(letter.cc),
    bcc: people([...letter.bcc, ...(identity.bcc ?? []).map(({ name, email }) => ({ name: name ?? "", email })).filter(({ email }) => !letter.bcc.some((one) => one.email === email))]),
    replyTo: identity.replyTo?.length ? identity.replyTo : null,
    subject: clean(letter.subject),
    ...(letter.inReplyTo.length ? { inReplyTo: letter.inReplyTo } : {}),
    ...(letter.references.length ? { references: letter.references } : {}),
    ...bodyOf(letter),
    attachments: travellingParts(letter).map(attachmentOf),
  };
}
