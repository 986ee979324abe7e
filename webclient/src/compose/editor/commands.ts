/** What the toolbar and the keys do to the text, and what of it is in force where the cursor stands. */
import { chainCommands, exitCode, lift, selectParentNode, setBlockType, toggleMark, wrapIn } from "prosemirror-commands";
import { redo, undo } from "prosemirror-history";
import type { MarkType, NodeType, ResolvedPos, Schema } from "prosemirror-model";
import { liftListItem, sinkListItem, splitListItem, wrapInList } from "prosemirror-schema-list";
import type { Command, EditorState } from "prosemirror-state";

/** Names the toolbar uses; `link` and colours take an argument and have functions of their own. */
export const COMMANDS = ["bold", "italic", "underline", "strike", "bullets", "numbers", "quote", "heading", "indent", "outdent", "clear", "undo", "redo"] as const;
export type CommandName = (typeof COMMANDS)[number];

/** What the toolbar shows. */
export interface Situation {
  readonly active: ReadonlySet<CommandName | "link">;
  readonly possible: ReadonlySet<CommandName>;
  /** Name of the colour in force, "" for none. */
  readonly colour: string;
}

function nodeType(schema: Schema, name: string): NodeType {
  const found = schema.nodes[name];
  if (!found) throw new Error(`no node ${name}`);
  return found;
}

export function markType(schema: Schema, name: string): MarkType {
  const found = schema.marks[name];
  if (!found) throw new Error(`no mark ${name}`);
  return found;
}

/** The depth of the innermost node of one of the types around a position; -1 for none. */
function depthOf($pos: ResolvedPos, types: readonly NodeType[]): number {
  for (let depth = $pos.depth; depth > 0; depth -= 1) if (types.includes($pos.node(depth).type)) return depth;
  return -1;
}

export function markActive(state: EditorState, type: MarkType): boolean {
  const { from, to, $from, empty } = state.selection;
  return empty ? type.isInSet(state.storedMarks ?? $from.marks()) !== undefined : state.doc.rangeHasMark(from, to, type);
}

/** Makes a list of the lines, turns one kind into the other, or ends it. */
function toggleList(schema: Schema, name: "bullet_list" | "ordered_list"): Command {
  const wanted = nodeType(schema, name);
  const lists = [nodeType(schema, "bullet_list"), nodeType(schema, "ordered_list")];
  const item = nodeType(schema, "list_item");
  return (state, dispatch, view) => {
    const { $from } = state.selection;
    const depth = depthOf($from, lists);
    if (depth < 0) return wrapInList(wanted)(state, dispatch, view);
    if ($from.node(depth).type === wanted) return liftListItem(item)(state, dispatch, view);
    dispatch?.(state.tr.setNodeMarkup($from.before(depth), wanted));
    return true;
  };
}

/** Quotes the lines, or takes them out of the quotation they stand in. */
function toggleQuote(schema: Schema): Command {
  const quote = nodeType(schema, "blockquote");
  return (state, dispatch, view) => (depthOf(state.selection.$from, [quote]) > 0 ? lift(state, dispatch, view) : wrapIn(quote)(state, dispatch, view));
}

function toggleHeading(schema: Schema): Command {
  const heading = nodeType(schema, "heading");
  return (state, dispatch, view) =>
    state.selection.$from.parent.type === heading
      ? setBlockType(nodeType(schema, "paragraph"))(state, dispatch, view)
      : setBlockType(heading, { level: 2 })(state, dispatch, view);
}

/** Takes away all marks, and headings; with nothing selected those of the whole block. */
function clearFormat(schema: Schema): Command {
  return (state, dispatch) => {
    const { empty, $from } = state.selection;
    const from = empty ? $from.start() : state.selection.from;
    const to = empty ? $from.end() : state.selection.to;
    if (!dispatch) return true;
    const tr = state.tr.removeMark(from, to).setStoredMarks([]);
    tr.setBlockType(from, to, nodeType(schema, "paragraph"));
    dispatch(tr.scrollIntoView());
    return true;
  };
}

export function commandsOf(schema: Schema): Readonly<Record<CommandName, Command>> {
  const item = nodeType(schema, "list_item");
  const mark = (name: string): Command => toggleMark(markType(schema, name));
  return {
    bold: mark("strong"),
    italic: mark("em"),
    underline: mark("underline"),
    strike: mark("strike"),
    bullets: toggleList(schema, "bullet_list"),
    numbers: toggleList(schema, "ordered_list"),
    quote: toggleQuote(schema),
    heading: toggleHeading(schema),
    indent: chainCommands(sinkListItem(item), wrapIn(nodeType(schema, "blockquote"))),
    outdent: chainCommands(liftListItem(item), lift),
    clear: clearFormat(schema),
    undo,
    redo,
  };
}

/** Keys, beside those of `baseKeymap`. Tab stays the page's: it leads out of the editor. */
export function keysOf(schema: Schema, all: Readonly<Record<CommandName, Command>>, link: () => void): Record<string, Command> {
  const item = nodeType(schema, "list_item");
  const lineBreak: Command = chainCommands(exitCode, (state, dispatch) => {
    dispatch?.(state.tr.replaceSelectionWith(nodeType(schema, "hard_break").create()).scrollIntoView());
    return true;
  });
  return {
    "Mod-b": all.bold,
    "Mod-i": all.italic,
    "Mod-u": all.underline,
    "Mod-Shift-x": all.strike,
    "Mod-Shift-7": all.numbers,
    "Mod-Shift-8": all.bullets,
    "Mod-Shift-9": all.quote,
    "Mod-]": all.indent,
    "Mod-[": all.outdent,
    "Mod-\\": all.clear,
    "Mod-z": all.undo,
    "Mod-y": all.redo,
    "Mod-Shift-z": all.redo,
    "Mod-k": () => {
      link();
      return true;
    },
    "Shift-Enter": lineBreak,
    Enter: splitListItem(item),
    "Alt-ArrowUp": selectParentNode,
  };
}

export function situationOf(state: EditorState, all: Readonly<Record<CommandName, Command>>): Situation {
  const { schema } = state;
  const active = new Set<CommandName | "link">();
  const marks = { bold: "strong", italic: "em", underline: "underline", strike: "strike", link: "link" } as const;
  for (const [name, mark] of Object.entries(marks)) {
    if (markActive(state, markType(schema, mark))) active.add(name as keyof typeof marks);
  }
  const { $from } = state.selection;
  const lists = ["bullet_list", "ordered_list"].map((name) => nodeType(schema, name));
  const depth = depthOf($from, lists);
  if (depth > 0) active.add($from.node(depth).type === lists[0] ? "bullets" : "numbers");
  if (depthOf($from, [nodeType(schema, "blockquote")]) > 0) active.add("quote");
  if ($from.parent.type.name === "heading") active.add("heading");
  const ink = markType(schema, "colour").isInSet(state.storedMarks ?? $from.marksAcross(state.selection.$to) ?? []);
  return {
    active,
    possible: new Set(COMMANDS.filter((name) => all[name](state))),
    colour: ink ? String(ink.attrs["name"]) : "",
  };
}
