/** Links: the one at the cursor, setting and removing, and making one of an address that was just typed. */
import { InputRule } from "prosemirror-inputrules";
import type { Node, Schema } from "prosemirror-model";
import { Selection, type EditorState, type Transaction } from "prosemirror-state";
import { markType } from "./commands.js";
import { linkAddress } from "./schema.js";

export interface LinkAtCursor {
  /** "" where there is no link yet. */
  readonly href: string;
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

function hrefOf(node: Node | null | undefined): string | undefined {
  const found = node?.marks.find((mark) => mark.type.name === "link");
  return found ? String(found.attrs["href"]) : undefined;
}

/** The link the selection stands in, with its whole extent; else what is selected. */
export function linkAt(state: EditorState): LinkAtCursor {
  const { $from, from, to, empty } = state.selection;
  const href = hrefOf($from.nodeAfter) ?? hrefOf($from.nodeBefore);
  if (href === undefined) return { href: "", text: empty ? "" : state.doc.textBetween(from, to, " "), from, to };
  const start = $from.start();
  let first = from;
  let last = from;
  let inside = false;
  $from.parent.forEach((node, offset) => {
    const at = start + offset;
    if (hrefOf(node) !== href) {
      if (at <= from && at + node.nodeSize <= from) inside = false;
      else if (at > from) inside = false;
      return;
    }
    const touches = at <= from && at + node.nodeSize >= from;
    if (touches && !inside) first = Math.min(first, at);
    if (touches || (inside && at === last)) last = at + node.nodeSize;
    inside = touches || inside;
  });
  return { href, text: state.doc.textBetween(first, last, " "), from: first, to: last };
}

/** Links the place to `href`; a text that differs replaces what stands there. "" takes the link away. Null if the address may not be one. */
export function withLink(state: EditorState, place: LinkAtCursor, href: string, text: string): Transaction | null {
  const type = markType(state.schema, "link");
  const { tr } = state;
  if (!href.trim()) return tr.removeMark(place.from, place.to, type);
  const address = linkAddress(href);
  if (address === null) return null;
  const words = text.trim() || place.text || href.trim();
  let end = place.to;
  if (words !== place.text) {
    const marks = state.doc.resolve(place.from).marks();
    tr.replaceWith(place.from, place.to, state.schema.text(words, marks));
    end = place.from + words.length;
  }
  tr.removeMark(place.from, end, type).addMark(place.from, end, type.create({ href: address }));
  // Near it: with everything selected its end is no place for a cursor.
  return tr.setSelection(Selection.near(tr.doc.resolve(end), -1)).removeStoredMark(type);
}

/** A web address that was typed becomes a link at the blank after it. */
export function autoLink(schema: Schema): InputRule {
  const type = markType(schema, "link");
  return new InputRule(/(?:^|\s)((?:https?:\/\/|www\.)[^\s]{2,500}?)[.,;:!?)]*\s$/i, (state, match, start, end) => {
    const words = match[1] ?? "";
    const from = start + match[0].indexOf(words);
    const href = linkAddress(words);
    if (href === null || state.doc.rangeHasMark(from, from + words.length, type)) return null;
    return state.tr.addMark(from, from + words.length, type.create({ href })).insertText(match[0].slice(-1), end).removeStoredMark(type);
  });
}
