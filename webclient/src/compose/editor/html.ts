/**
 * The HTML that is sent: written from the document itself, so that it holds what `schema.ts`
 * allows and nothing else. Styles stand in the elements, because mail programs drop all others.
 */
import type { Mark, Node } from "prosemirror-model";
import { COLOURS, type Colour } from "./schema.js";

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const QUOTE = "margin:0 0 0 0.8ex;border-left:2px solid #b5b5c3;padding-left:1ex";
const CELL = "border:1px solid #c8c8d0;padding:4px 8px;vertical-align:top";

export function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (char) => ESCAPES[char] ?? char);
}

/** Text with its blanks kept: HTML would make one of several, and none at the start of a line. */
function spaced(text: string, starts: boolean): string {
  const runs = escaped(text).replace(/ {2,}/g, (run) => ` ${"\u00a0".repeat(run.length - 1)}`);
  return starts ? runs.replace(/^ /, "\u00a0") : runs;
}

const MARKS: Readonly<Record<string, (mark: Mark) => readonly [string, string]>> = {
  link: (mark) => [`<a href="${escaped(String(mark.attrs["href"]))}">`, "</a>"],
  strong: () => ["<b>", "</b>"],
  em: () => ["<i>", "</i>"],
  underline: () => ["<u>", "</u>"],
  strike: () => ["<s>", "</s>"],
  code: () => ["<code>", "</code>"],
  colour: (mark) => [`<span style="color:${COLOURS[mark.attrs["name"] as Colour]}">`, "</span>"],
};

function attribute(name: string, value: unknown): string {
  return value === "" || value === 1 ? "" : ` ${name}="${escaped(String(value))}"`;
}

/** The inline content of a block; marks that go on are not closed and opened again. */
function inline(block: Node): string {
  let out = "";
  let starts = true;
  let open: readonly Mark[] = [];
  const change = (wanted: readonly Mark[]): void => {
    let same = 0;
    while (same < open.length && same < wanted.length && wanted[same]?.eq(open[same] as Mark)) same += 1;
    for (const mark of open.slice(same).reverse()) out += MARKS[mark.type.name]?.(mark)[1] ?? "";
    for (const mark of wanted.slice(same)) out += MARKS[mark.type.name]?.(mark)[0] ?? "";
    open = wanted;
  };
  block.forEach((node) => {
    change(node.marks);
    if (node.isText) out += block.type.name === "code_block" ? escaped(node.text ?? "") : spaced(node.text ?? "", starts);
    else if (node.type.name === "hard_break") out += "<br>";
    else if (node.type.name === "image") out += image(node);
    starts = node.type.name === "hard_break";
  });
  change([]);
  return out;
}

function image({ attrs }: Node): string {
  return `<img src="${escaped(String(attrs["src"]))}" alt="${escaped(String(attrs["alt"]))}"${attribute("width", attrs["width"])}${attribute("height", attrs["height"])}>`;
}

function blocks(parent: Node): string {
  let out = "";
  parent.forEach((node) => (out += block(node)));
  return out;
}

/** A list item with one line has no paragraph around it. */
function item(node: Node): string {
  const first = node.firstChild;
  const plain = first?.type.name === "paragraph" && !first.attrs["gap"];
  if (!first || !plain) return `<li>${blocks(node)}</li>`;
  let rest = "";
  node.forEach((child, _offset, index) => (rest += index ? block(child) : ""));
  return `<li>${inline(first)}${rest}</li>`;
}

function cell(node: Node): string {
  const { head, colspan, rowspan } = node.attrs as { head: boolean; colspan: number; rowspan: number };
  const name = head ? "th" : "td";
  return `<${name}${attribute("colspan", colspan)}${attribute("rowspan", rowspan)} style="${CELL}">${blocks(node)}</${name}>`;
}

function block(node: Node): string {
  switch (node.type.name) {
    case "paragraph":
      return `<p style="margin:0${node.attrs["gap"] ? " 0 1em" : ""}">${inline(node) || "<br>"}</p>`;
    case "heading": {
      const name = `h${String(node.attrs["level"])}`;
      return `<${name}>${inline(node)}</${name}>`;
    }
    case "blockquote":
      return `<blockquote type="cite" style="${QUOTE}">${blocks(node)}</blockquote>`;
    case "code_block":
      return `<pre>${inline(node)}</pre>`;
    case "bullet_list":
      return `<ul>${items(node)}</ul>`;
    case "ordered_list":
      return `<ol${attribute("start", node.attrs["order"])}>${items(node)}</ol>`;
    case "table":
      return `<table style="border-collapse:collapse">${rows(node)}</table>`;
    case "horizontal_rule":
      return "<hr>";
    default:
      return "";
  }
}

function items(list: Node): string {
  let out = "";
  list.forEach((node) => (out += item(node)));
  return out;
}

function rows(table: Node): string {
  let out = "";
  table.forEach((row) => {
    out += "<tr>";
    row.forEach((node) => (out += cell(node)));
    out += "</tr>";
  });
  return out;
}

/** The body of a mail as HTML; "" for a text without anything in it. */
export function htmlOf(doc: Node): string {
  return isEmpty(doc) ? "" : blocks(doc);
}

/** Whether there is nothing but one empty line. */
export function isEmpty(doc: Node): boolean {
  const only = doc.childCount === 1 ? doc.firstChild : null;
  return only !== null && only.type.name === "paragraph" && only.content.size === 0;
}
