/** Recipients as people write and paste them: `Ann Berg <ann@example.org>, bob@example.org; …`. */

export interface Recipient {
  /** May be "". */
  readonly name: string;
  readonly email: string;
}

/** Most that one paste may hold; a mail with more needs a group. */
export const MAX_RECIPIENTS = 1_000;
const MAX_ADDRESS = 254;
const MAX_LOCAL = 64;

/** RFC 5322 dot-atom @ domain of at least two labels, both with the letters of all languages (RFC 6531). */
export function isAddress(text: string): boolean {
  const at = text.lastIndexOf("@");
  const local = text.slice(0, at);
  const domain = text.slice(at + 1);
  if (at < 1 || text.length > MAX_ADDRESS || local.length > MAX_LOCAL) return false;
  if (!/^[^\s"(),:;<>@[\\\]\u0000-\u001f\u007f]+$/.test(local) || local.startsWith(".") || local.endsWith(".") || local.includes("..")) return false;
  const labels = domain.split(".");
  return labels.length > 1 && labels.every((label) => /^[\p{L}\p{N}](?:[\p{L}\p{N}\p{M}-]{0,61}[\p{L}\p{N}\p{M}])?$/u.test(label));
}

/** A recipient as text that `readRecipients` reads back. */
export function recipientText({ name, email }: Recipient): string {
  if (!name || name === email) return email;
  const quoted = /[",;<>@()[\]\\]/.test(name) ? `"${name.replace(/["\\]/g, "\\$&")}"` : name;
  return `${quoted} <${email}>`;
}

/** Cuts at `,`, `;` and line ends that stand outside of quotes and angle brackets; in one pass. */
function pieces(text: string): string[] {
  const found: string[] = [];
  let start = 0;
  let quoted = false;
  let inside = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (char === "\\" && quoted) at += 1;
    else if (char === '"') quoted = !quoted;
    else if (char === "\n" || char === "\r" || (!quoted && !inside && (char === "," || char === ";"))) {
      found.push(text.slice(start, at));
      start = at + 1;
      quoted = inside = false;
    } else if (!quoted && char === "<") inside = true;
    else if (!quoted && char === ">") {
      inside = false;
      // "Ann <a@b> Bob <c@d>": somebody has left the comma out.
      if (/^\s*[^\s,;]/.test(text.slice(at + 1, at + 40))) {
        found.push(text.slice(start, at + 1));
        start = at + 1;
      }
    }
  }
  found.push(text.slice(start));
  return found;
}

function unquoted(name: string): string {
  const plain = name.trim().replace(/\s+/g, " ");
  const inner = /^"(.*)"$|^'(.*)'$/.exec(plain);
  const found = inner ? (inner[1] ?? inner[2] ?? "") : plain;
  return found.replace(/\\(.)/g, "$1").trim();
}

function readOne(piece: string): Recipient[] {
  const text = piece.trim();
  if (!text) return [];
  const open = text.lastIndexOf("<");
  if (open >= 0) {
    const close = text.indexOf(">", open);
    const email = text.slice(open + 1, close < 0 ? undefined : close).trim().replace(/^mailto:/i, "");
    const name = unquoted(text.slice(0, open));
    return [{ name: name.toLowerCase() === email.toLowerCase() ? "" : name, email }];
  }
  const bare = text.replace(/^mailto:/i, "").replace(/^"(.*)"$/, "$1");
  const words = bare.split(/\s+/);
  if (words.length > 1 && words.every(isAddress)) return words.map((email) => ({ name: "", email }));
  return [{ name: "", email: bare }];
}

/** Reads a list; what is no address comes back as it was written, in `email`, to be marked. */
export function readRecipients(text: string): Recipient[] {
  return pieces(text).flatMap(readOne).slice(0, MAX_RECIPIENTS);
}

/** Adds to a list; an address that is in it already stays where it is, and takes a name if it had none. */
export function withRecipients(list: readonly Recipient[], more: readonly Recipient[]): Recipient[] {
  const found = new Map(list.map((item) => [item.email.toLowerCase(), item]));
  for (const item of more) {
    const key = item.email.toLowerCase();
    const known = found.get(key);
    if (!known) found.set(key, item);
    else if (!known.name && item.name) found.set(key, { ...known, name: item.name });
  }
  return [...found.values()];
}
