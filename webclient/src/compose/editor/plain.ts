/**
 * The plain text beside the HTML: quotations with "> ", lists with their numbers, links with
 * their addresses; made so that it can stand alone. Lines are not broken: the one who sends
 * does that (RFC 3676 or quoted-printable).
 */
import type { Fragment, Node } from "prosemirror-model";

/** The address of a link where the text does not say it already. */
function address(href: string, text: string): string {
  const bare = (value: string): string => value.trim().replace(/^(?:mailto:|https?:\/\/)/i, "").replace(/\/$/, "").toLowerCase();
  return bare(href) === bare(text) ? "" : ` <${href.replace(/^mailto:/i, "")}>`;
}

function hrefOf(node: Node | null): string | undefined {
  const found = node?.marks.find((mark) => mark.type.name === "link");
  return found ? String(found.attrs["href"]) : undefined;
}

function inline(block: Node): string {
  let out = "";
  let said = "";
  block.forEach((node, _offset, index) => {
    const href = hrefOf(node);
    if (node.type.name === "hard_break") out += "\n";
    else if (node.type.name === "image") out += node.attrs["alt"] ? `[${String(node.attrs["alt"])}]` : "";
    else {
      out += node.text ?? "";
      said += href === undefined ? "" : (node.text ?? "");
    }
    const next = index + 1 < block.childCount ? block.child(index + 1) : null;
    if (href !== undefined && hrefOf(next) !== href) {
      out += address(href, said);
      said = "";
    }
  });
  return out.replace(/\u00a0/g, " ");
}

function indented(text: string, first: string): string {
  const rest = " ".repeat(first.length);
  return text
    .split("\n")
    .map((line, index) => (index === 0 ? first + line : line ? rest + line : ""))
    .join("\n");
}

function list(node: Node, bullet: (index: number) => string): string {
  const items: string[] = [];
  node.forEach((item, _offset, index) => items.push(indented(blocks(item.content, true), bullet(index))));
  return items.join("\n");
}

function quoted(text: string): string {
  return text
    .split("\n")
    .map((line) => (line.startsWith(">") ? `>${line}` : line ? `> ${line}` : ">"))
    .join("\n");
}

function table(node: Node): string {
  const lines: string[] = [];
  node.forEach((row) => {
    const cells: string[] = [];
    row.forEach((cell) => cells.push(blocks(cell.content).trim()));
    lines.push(cells.some((cell) => cell.includes("\n")) ? cells.filter(Boolean).join("\n") : cells.join("\t").trim());
  });
  return lines.join("\n");
}

function block(node: Node): string {
  switch (node.type.name) {
    case "blockquote":
      return quoted(blocks(node.content));
    case "bullet_list":
      return list(node, () => "- ");
    case "ordered_list":
      return list(node, (index) => `${Number(node.attrs["order"]) + index}. `);
    case "table":
      return table(node);
    case "horizontal_rule":
      return "-".repeat(40);
    case "code_block":
      return node.textContent;
    case "list_item":
    case "table_row":
    case "table_cell":
      return blocks(node.content, true); // a part of a list or table that was copied alone
    default:
      return inline(node);
  }
}

/** Whether an empty line parts a block from the next one: lines that follow each other do not need it, nor do the parts of a list's item. */
function gapAfter(node: Node, next: Node, tight: boolean): boolean {
  if (tight) return Boolean(node.attrs["gap"]);
  const line = (one: Node): boolean => one.type.name === "paragraph";
  if (line(node) && line(next)) return Boolean(node.attrs["gap"]);
  if (line(node) && node.content.size === 0) return false;
  return !(line(next) && next.content.size === 0);
}

function blocks(parent: Fragment, tight = false): string {
  let out = "";
  parent.forEach((node, _offset, index) => {
    out += block(node);
    if (index + 1 < parent.childCount) out += gapAfter(node, parent.child(index + 1), tight) ? "\n\n" : "\n";
  });
  return out;
}

/** The text; "" for a document without anything in it. */
export function textOf(doc: Node): string {
  return textOfContent(doc.content);
}

/** The text of a part of a document, as it is copied. */
export function textOfContent(content: Fragment): string {
  // "-- " alone on its line marks a signature (RFC 3676 section 4.3): its blank is part of it.
  const lines = blocks(content).split("\n");
  return lines.map((line) => (/^(?:> ?)*-- $/.test(line) ? line : line.trimEnd())).join("\n").replace(/\n+$/, "");
}
