/** What is put below one's own text: the signature, the message answered, the message passed on. */
import { longDate } from "../core/format.js";
import { t } from "../core/i18n.js";
import type { EmailAddress } from "../jmap/types.js";
import { htmlOfEmail, textOfEmail, type Original } from "./letter.js";

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

export function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (char) => ESCAPES[char] ?? char);
}

function paragraph(line: string): string {
  const kept = escaped(line).replace(/^ | {2,}/g, (run) => "\u00a0".repeat(run.length));
  return `<p style="margin:0">${kept || "<br>"}</p>`;
}

/** Plain text as HTML: a line is a paragraph, ">" before lines become quotations inside each other. */
export function htmlOfText(text: string): string {
  let out = "";
  let depth = 0;
  const to = (wanted: number): void => {
    for (; depth < wanted; depth += 1) out += '<blockquote type="cite">';
    for (; depth > wanted; depth -= 1) out += "</blockquote>";
  };
  for (const line of text.split("\n")) {
    const marks = /^(?:> ?)+/.exec(line)?.[0] ?? "";
    to(marks.replace(/ /g, "").length);
    out += paragraph(line.slice(marks.length));
  }
  to(0);
  return out;
}

/** A text as a quotation (RFC 3676 §4.5): what is quoted already gets no blank between its marks. */
export function quotedText(text: string): string {
  const lines = text.trimEnd().split("\n");
  return lines.map((line) => (line.startsWith(">") ? `>${line}` : line ? `> ${line}` : ">")).join("\n");
}

function written(person: EmailAddress | undefined): string {
  if (!person) return t("someone");
  const name = person.name?.trim();
  return name ? `${name} <${person.email}>` : person.email;
}

/** "On Monday, … Mara <mara@…> wrote:" */
export function attribution(original: Original): string {
  const date = longDate(original.sentAt ?? original.receivedAt);
  return t("On {date}, {person} wrote:", { date, person: written(original.from?.[0]) });
}

/** The header of a message passed on, a line each. */
export function forwardHead(original: Original): readonly string[] {
  const people = (list: readonly EmailAddress[] | null): string => (list ?? []).map(written).join(", ");
  const lines: readonly (readonly [string, string])[] = [
    [t("From"), people(original.from)],
    [t("Date"), longDate(original.sentAt ?? original.receivedAt)],
    [t("Subject"), original.subject ?? ""],
    [t("To"), people(original.to)],
    [t("Cc"), people(original.cc)],
  ];
  return [t("---------- Forwarded message ----------"), ...lines.filter(([, value]) => value).map(([name, value]) => `${name}: ${value}`)];
}

function bodyHtml(original: Original): string {
  const mark = cutMark(original);
  return (htmlOfEmail(original) || htmlOfText(textOfEmail(original))) + (mark && paragraph(mark));
}

function withMark(text: string, original: Original): string {
  const mark = cutMark(original);
  return mark ? `${text.trimEnd()}\n${mark}` : text;
}

/** Says that a text is not quoted as a whole; "" where it is. */
function cutMark(original: Original): string {
  return Object.values(original.bodyValues).some(({ isTruncated }) => isTruncated === true) ? t("[The rest of the message is left out here.]") : "";
}

export interface Quote {
  readonly text: string;
  readonly html: string;
}

export const NO_QUOTE: Quote = { text: "", html: "" };

/** The message answered, with a line that says whose it is. */
export function replyQuote(original: Original): Quote {
  const line = attribution(original);
  return {
    text: `${line}\n${quotedText(withMark(textOfEmail(original), original))}`,
    html: `<p style="margin:0">${escaped(line)}</p><blockquote type="cite">${bodyHtml(original)}</blockquote>`,
  };
}

/** The message passed on, below its header. */
export function forwardQuote(original: Original): Quote {
  const head = forwardHead(original);
  return {
    text: `${head.join("\n")}\n\n${withMark(textOfEmail(original), original).trimEnd()}`,
    html: `${head.map(paragraph).join("")}${paragraph("")}${bodyHtml(original)}`,
  };
}

export interface Signature {
  readonly text: string;
  readonly html: string;
}

/** The signature as it stands in a plain text, below "-- " (RFC 3676 §4.3); "" for none. */
export function signatureText(signature: Signature): string {
  const text = signature.text.replace(/\r\n?/g, "\n").trimEnd();
  return text ? `-- \n${text}` : "";
}

/** The same for HTML; made of the plain one where there is no other. */
export function signatureHtml(signature: Signature): string {
  const html = signature.html.trim() || (signature.text.trim() ? htmlOfText(signature.text.trimEnd()) : "");
  return html ? `<p style="margin:0">-- </p>${html}` : "";
}

/** A text to begin with: an empty line to write on, signature, quotation; `own` comes first. */
export function beginning(own: string, signature: Signature, quote: Quote): { text: string; html: string } {
  const sign = signatureText(signature);
  const text = [own, sign && `\n${sign}`, quote.text && `\n${quote.text}`].filter((part, index) => index === 0 || part).join("\n");
  const below = [signatureHtml(signature), quote.html].filter(Boolean).map((part) => paragraph("") + part);
  const above = own ? htmlOfText(own) : below.length ? paragraph("") : "";
  return { text: text === "\n" ? "" : text, html: above + below.join("") };
}
