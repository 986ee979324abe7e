/**
 * What a text of ours may be made of. Whatever is loaded or pasted is fitted into this; what
 * has no place here (fonts, classes, scripts, layout) does not survive, its words do.
 *
 * `toDOM` is what the editor shows; what is sent is written by `html.ts`.
 */
import { Schema, type DOMOutputSpec, type MarkSpec, type NodeSpec } from "prosemirror-model";
import { marks as basicMarks, nodes as basicNodes } from "prosemirror-schema-basic";
import { bulletList, listItem, orderedList } from "prosemirror-schema-list";

/** The colours a text may have: name → what is sent. The editor shows them by class, readable in light and dark. */
export const COLOURS = {
  red: "#c0262d",
  orange: "#b45309",
  green: "#15803d",
  blue: "#1d4ed8",
  purple: "#7e22ce",
  grey: "#6b7280",
} as const;
export type Colour = keyof typeof COLOURS;

/** Schemes a link may have (as in `mail/text.ts`). */
const LINKS = /^(?:https?:\/\/|mailto:|xmpp:|tel:)/i;

/** A link's address if it may be one, "www.…" and bare mail addresses completed; else null. */
export function linkAddress(text: string): string | null {
  const href = text.trim().replace(/[\u0000-\u0020]/g, (char) => (char === " " ? "%20" : ""));
  if (LINKS.test(href)) return href;
  if (/^www\.[^\s/]+\.[^\s]/i.test(href)) return `https://${href}`;
  if (/^[^\s@/:]+@[^\s@/:]+$/.test(href)) return `mailto:${href}`;
  if (/^[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}(?:[/?#]|$)/i.test(href)) return `https://${href}`;
  return null;
}

function styleOf(dom: HTMLElement, name: string): string {
  return dom.style.getPropertyValue(name);
}

/** Whether a block of somebody's HTML has a gap after it: paragraphs do, unless their margin says 0. */
function hasGap(dom: HTMLElement): boolean {
  const bottom = styleOf(dom, "margin-bottom");
  if (bottom) return Number.parseFloat(bottom) > 0;
  return !/\bMso/.test(dom.className);
}

const paragraph: NodeSpec = {
  // Enter makes lines without a gap, as in other mail programs; a paragraph out of foreign HTML keeps its gap.
  attrs: { gap: { default: false, validate: "boolean" } },
  content: "inline*",
  group: "block",
  parseDOM: [{ tag: "p", getAttrs: (dom) => ({ gap: hasGap(dom) }) }],
  // The margin is for what is copied from here into another program, or back.
  toDOM: (node): DOMOutputSpec => (node.attrs["gap"] ? ["p", { class: "gap" }, 0] : ["p", { style: "margin:0" }, 0]),
};

const heading: NodeSpec = {
  attrs: { level: { default: 2, validate: "number" } },
  content: "inline*",
  group: "block",
  defining: true,
  parseDOM: [1, 2, 3, 4, 5, 6].map((level) => ({ tag: `h${level}`, attrs: { level: Math.min(level, 3) } })),
  toDOM: (node): DOMOutputSpec => [`h${String(node.attrs["level"])}`, 0],
};

/** How an image of a text is shown: parts of the mail by an address of this page, others not before the mail is read. */
export type ImageUrl = (src: string) => string | null;

function imageSpec(urlOf: ImageUrl): NodeSpec {
  return {
    inline: true,
    group: "inline",
    draggable: true,
    attrs: {
      src: { validate: "string" },
      alt: { default: "", validate: "string" },
      width: { default: "", validate: "string" },
      height: { default: "", validate: "string" },
    },
    parseDOM: [
      {
        tag: "img[data-src]",
        getAttrs: (dom) => ({
          src: dom.getAttribute("data-src") ?? "",
          alt: dom.getAttribute("alt") ?? "",
          width: dom.getAttribute("width") ?? "",
          height: dom.getAttribute("height") ?? "",
        }),
      },
    ],
    toDOM(node): DOMOutputSpec {
      const { src, alt, width, height } = node.attrs as Record<string, string>;
      const kept = { "data-src": src ?? "", alt: alt ?? "", ...(width ? { width } : {}), ...(height ? { height } : {}) };
      const url = urlOf(src ?? "");
      return url === null ? ["img", { ...kept, class: "image-elsewhere" }] : ["img", { ...kept, src: url }];
    },
  };
}

function spanOf(dom: HTMLElement, name: string): number {
  const found = Number.parseInt(dom.getAttribute(name) ?? "", 10);
  return found > 1 && found <= 100 ? found : 1;
}

/** Tables come out of other people's mail; they are kept, not made. */
const tables: Record<string, NodeSpec> = {
  table: {
    content: "table_row+",
    group: "block",
    isolating: true,
    parseDOM: [{ tag: "table" }],
    toDOM: (): DOMOutputSpec => ["table", ["tbody", 0]],
  },
  table_row: { content: "table_cell+", parseDOM: [{ tag: "tr" }], toDOM: (): DOMOutputSpec => ["tr", 0] },
  table_cell: {
    content: "block+",
    isolating: true,
    attrs: { head: { default: false, validate: "boolean" }, colspan: { default: 1, validate: "number" }, rowspan: { default: 1, validate: "number" } },
    parseDOM: ["td", "th"].map((tag) => ({
      tag,
      getAttrs: (dom: HTMLElement) => ({ head: tag === "th", colspan: spanOf(dom, "colspan"), rowspan: spanOf(dom, "rowspan") }),
    })),
    toDOM(node): DOMOutputSpec {
      const { head, colspan, rowspan } = node.attrs as { head: boolean; colspan: number; rowspan: number };
      return [head ? "th" : "td", { colspan: String(colspan), rowspan: String(rowspan) }, 0];
    },
  },
};

const link: MarkSpec = {
  attrs: { href: { validate: "string" } },
  inclusive: false,
  parseDOM: [
    {
      tag: "a[href]",
      getAttrs: (dom) => {
        const href = linkAddress(dom.getAttribute("href") ?? "");
        return href === null ? false : { href };
      },
    },
  ],
  // Not followed by a click: the toolbar opens it.
  toDOM: (mark): DOMOutputSpec => ["a", { href: String(mark.attrs["href"]), rel: "noopener noreferrer", title: String(mark.attrs["href"]) }, 0],
};

const colour: MarkSpec = {
  attrs: { name: { validate: "string" } },
  parseDOM: [
    {
      // Only colours of ours: a black of somebody's word processor cannot be read on dark ground.
      tag: "span[data-colour]",
      getAttrs: (dom) => {
        const name = dom.getAttribute("data-colour") ?? "";
        return name in COLOURS ? { name } : false;
      },
    },
  ],
  toDOM: (mark): DOMOutputSpec => ["span", { "data-colour": String(mark.attrs["name"]), class: `ink-${String(mark.attrs["name"])}` }, 0],
};

function decoration(tags: readonly string[], line: string, name: string): MarkSpec {
  return {
    parseDOM: [
      ...tags.map((tag) => ({ tag })),
      { style: "text-decoration", getAttrs: (value) => (value.includes(line) ? null : false) },
      { style: "text-decoration-line", getAttrs: (value) => (value.includes(line) ? null : false) },
    ],
    toDOM: (): DOMOutputSpec => [name, 0],
  };
}

/** The schema; `urlOf` gives an image of the text an address under which this page may show it. */
export function makeSchema(urlOf: ImageUrl): Schema {
  return new Schema({
    nodes: {
      doc: { content: "block+" },
      paragraph,
      blockquote: basicNodes.blockquote,
      heading,
      code_block: basicNodes.code_block,
      bullet_list: { ...bulletList, content: "list_item+", group: "block" },
      ordered_list: { ...orderedList, content: "list_item+", group: "block" },
      list_item: { ...listItem, content: "paragraph block*" },
      ...tables,
      horizontal_rule: basicNodes.horizontal_rule,
      text: basicNodes.text,
      image: imageSpec(urlOf),
      hard_break: basicNodes.hard_break,
    },
    marks: {
      link,
      strong: basicMarks.strong,
      em: basicMarks.em,
      underline: decoration(["u", "ins"], "underline", "u"),
      strike: decoration(["s", "strike", "del"], "line-through", "s"),
      colour,
      code: basicMarks.code,
    },
  });
}
