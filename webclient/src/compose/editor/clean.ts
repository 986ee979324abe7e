/**
 * HTML in, an inert DOM out that holds only what the schema can read.
 *
 * The page runs under Trusted Types 'none': no string may become markup. So the text is
 * parsed by a library that makes plain objects, and nodes are built from those that are on
 * the list below, in a document of their own, where nothing is fetched or run.
 */
import { defaultTreeAdapter, parse, type DefaultTreeAdapterTypes } from "parse5";
import { COLOURS, type Colour } from "./schema.js";

type Element = DefaultTreeAdapterTypes.Element;
type ParsedNode = DefaultTreeAdapterTypes.ChildNode;

/** Tags taken over by name; others are looked through. */
const KEPT = new Set(
  "a b strong i em u ins s strike del code pre p div br hr h1 h2 h3 h4 h5 h6 ul ol li blockquote table tbody thead tfoot tr td th span img center address article section header footer dl dt dd figure figcaption font tt kbd samp".split(" "),
);
/** Tags whose content is no text for people. */
const DROPPED = new Set(
  "script style title head template noscript iframe object embed applet svg math video audio canvas select textarea button input map link meta base".split(" "),
);
const ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
  a: ["href"],
  img: ["alt", "width", "height"],
  ol: ["start"],
  td: ["colspan", "rowspan"],
  th: ["colspan", "rowspan"],
};
const STYLES = ["font-weight", "font-style", "text-decoration", "text-decoration-line", "margin-bottom"] as const;
const BLOCKS = new Set(["p", "div", "li", "td", "th", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote"]);
/** Deepest nesting that is looked at; of what is deeper only the words are taken. */
const MAX_DEPTH = 100;

/** The declarations of a style attribute, by name; a shorthand margin counts as its bottom. */
export function stylesOf(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const part of text.split(";")) {
    const colon = part.indexOf(":");
    if (colon < 0) continue;
    const name = part.slice(0, colon).trim().toLowerCase();
    const value = part.slice(colon + 1).replace(/!important/i, "").trim().toLowerCase();
    if (name === "margin") {
      const sides = value.split(/\s+/);
      found.set("margin-bottom", sides[2] ?? sides[0] ?? "");
    } else if (value) {
      found.set(name, value);
    }
  }
  return found;
}

/** The name of one of our colours out of a style or `<font color>`; undefined for any other. */
export function colourOf(value: string | undefined): Colour | undefined {
  const text = value?.replace(/\s+/g, "");
  const rgb = /^rgb\((\d+),(\d+),(\d+)\)$/.exec(text ?? "");
  const hex = rgb ? `#${rgb.slice(1).map((part) => Number(part).toString(16).padStart(2, "0")).join("")}` : text;
  return (Object.keys(COLOURS) as Colour[]).find((name) => COLOURS[name] === hex);
}

/** An image's source if it may stand in a text: part of the mail, of this page, or of the web; not a pixel that counts readers. */
export function imageSource(attributes: ReadonlyMap<string, string>): string | null {
  const src = (attributes.get("data-src") ?? attributes.get("src") ?? "").trim();
  const tiny = ["width", "height"].some((side) => /^[01](?:px)?$/.test((attributes.get(side) ?? "").trim()));
  if (/^cid:/i.test(src)) return src;
  if (tiny) return null;
  return /^https?:\/\//i.test(src) || /^data:image\/(?:png|jpeg|gif|webp);base64,/i.test(src) ? src : null;
}

function hidden(styles: ReadonlyMap<string, string>): boolean {
  return styles.get("display") === "none" || styles.get("mso-hide") === "all" || styles.get("visibility") === "hidden";
}

/** The words in nodes, however deep; without recursion, which a hostile text would bring to its end. */
export function wordsOf(nodes: readonly ParsedNode[]): string {
  const waiting = nodes.toReversed();
  const words: string[] = [];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    if (defaultTreeAdapter.isTextNode(node)) words.push(node.value);
    else if (defaultTreeAdapter.isElementNode(node) && !DROPPED.has(node.tagName)) waiting.push(...node.childNodes.toReversed());
  }
  return words.join(" ");
}

class Builder {
  private readonly inert = document.implementation.createHTMLDocument("");

  build(root: DefaultTreeAdapterTypes.Document): HTMLElement {
    const { body } = this.inert;
    this.children(root, body, 0);
    return body;
  }

  private children(from: { readonly childNodes: readonly ParsedNode[] }, into: HTMLElement, depth: number): void {
    if (depth > MAX_DEPTH) {
      into.append(wordsOf(from.childNodes));
      return;
    }
    for (const child of from.childNodes) {
      if (defaultTreeAdapter.isTextNode(child)) into.append(child.value);
      else if (defaultTreeAdapter.isElementNode(child)) this.element(child, into, depth);
    }
  }

  private element(from: Element, into: HTMLElement, depth: number): void {
    const name = from.tagName;
    if (DROPPED.has(name)) return;
    const attributes = new Map(from.attrs.map((item) => [item.name, item.value]));
    const styles = stylesOf(attributes.get("style") ?? "");
    if (hidden(styles)) return;
    if (!KEPT.has(name)) {
      this.children(from, into, depth + 1);
      return;
    }
    const made = this.inert.createElement(name);
    for (const each of ATTRIBUTES[name] ?? []) made.setAttribute(each, attributes.get(each) ?? "");
    for (const each of STYLES) {
      const value = styles.get(each);
      if (value) made.style.setProperty(each, value);
    }
    if (/\bMso/.test(attributes.get("class") ?? "")) made.className = "Mso";
    if (name === "img") {
      const src = imageSource(attributes);
      if (src === null) return;
      made.setAttribute("data-src", src);
    }
    into.append(made);
    this.children(from, this.coloured(made, styles.get("color") ?? attributes.get("color")), depth + 1);
    if (BLOCKS.has(name)) this.withoutLastBreak(made);
  }

  /** A line break at the end of a block is not seen; a block with nothing else is an empty line. */
  private withoutLastBreak(block: HTMLElement): void {
    let last = block.lastChild;
    while (last && last.nodeType === Node.TEXT_NODE && !last.textContent?.trim()) last = last.previousSibling;
    if (last?.nodeName !== "BR") return;
    const only = !block.textContent.trim() && block.childElementCount === 1;
    last.remove();
    if (!only || block.tagName !== "DIV") return;
    const line = this.inert.createElement("p");
    line.style.setProperty("margin-bottom", "0");
    block.replaceWith(line);
  }

  /** The place for the content of an element: inside a colour of ours if it has one. */
  private coloured(made: HTMLElement, value: string | undefined): HTMLElement {
    const colour = colourOf(value?.toLowerCase());
    if (!colour) return made;
    if (made.tagName !== "SPAN") {
      const inner = this.inert.createElement("span");
      inner.dataset["colour"] = colour;
      made.append(inner);
      return inner;
    }
    made.dataset["colour"] = colour;
    return made;
  }
}

/** Parses HTML (a whole document or a fragment) into an element of an inert document. */
export function cleanHtml(html: string): HTMLElement {
  return new Builder().build(parse(html));
}
