/** Plain text bodies: paragraphs of quoted and unquoted lines, and the links in them. */

export interface Block {
  /** Number of leading ">" (RFC 3676 §4.5). */
  readonly depth: number;
  readonly text: string;
}
export interface Piece {
  readonly text: string;
  /** An address the browser may open, or undefined for plain text. */
  readonly href?: string | undefined;
}

const QUOTE = /^((?:> ?)+)(.*)$/;

/** Splits a body into runs of lines of the same quote depth. */
export function blocksOf(body: string): Block[] {
  const blocks: { depth: number; lines: string[] }[] = [];
  for (const line of body.replace(/\r\n?/g, "\n").split("\n")) {
    const match = QUOTE.exec(line);
    const depth = match?.[1] ? match[1].replace(/ /g, "").length : 0;
    const text = match ? (match[2] ?? "") : line;
    const last = blocks.at(-1);
    if (last?.depth === depth) last.lines.push(text);
    else blocks.push({ depth, lines: [text] });
  }
  return blocks.map(({ depth, lines }) => ({ depth, text: lines.join("\n") }));
}

/** Quoted runs, together with what hangs on them, that are long enough to fold away: indexes of the top-level runs. */
export function isFolded(block: Block): boolean {
  return block.depth > 0 && block.text.split("\n").length > 3;
}

// The look behind keeps the search linear: an address begins where its word begins.
const LINK = /(?:\b(?:https?:\/\/|mailto:|xmpp:)|\bwww\.)[^\s<>"'`{}|\\^]+|(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+/gi;
const TRAILING = ".,;:!?*_~)]";

function countOf(char: string, text: string): number {
  return text.split(char).length - 1;
}

/** Takes sentence punctuation off the end; a closing bracket stays when it was opened inside. */
function trimmed(link: string): string {
  const surplus = { ")": countOf(")", link) - countOf("(", link), "]": countOf("]", link) - countOf("[", link) };
  let end = link.length;
  while (end > 0) {
    const last = link.charAt(end - 1);
    if (!TRAILING.includes(last)) break;
    if (last === ")" || last === "]") {
      if (surplus[last] <= 0) break;
      surplus[last] -= 1;
    }
    end -= 1;
  }
  return link.slice(0, end);
}

function hrefOf(link: string): string {
  if (/^www\./i.test(link)) return `https://${link}`;
  return /^[a-z]+:/i.test(link) ? link : `mailto:${link}`;
}

/** Cuts text into plain pieces and links; joined they are the text again. */
export function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const match of text.matchAll(LINK)) {
    const link = trimmed(match[0]);
    if (!link) continue;
    if (match.index > at) pieces.push({ text: text.slice(at, match.index) });
    pieces.push({ text: link, href: hrefOf(link) });
    at = match.index + link.length;
  }
  if (at < text.length) pieces.push({ text: text.slice(at) });
  return pieces;
}
