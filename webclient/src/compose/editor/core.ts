/**
 * The editor itself, a chunk of its own: ProseMirror with our schema. It imports nothing of the
 * page, so that loading it brings no other chunk along; the toolbar is in `toolbar.tsx`.
 */
import { baseKeymap } from "prosemirror-commands";
import { history } from "prosemirror-history";
import { inputRules, textblockTypeInputRule, undoInputRule, wrappingInputRule } from "prosemirror-inputrules";
import { keymap } from "prosemirror-keymap";
import { DOMParser, Fragment, Slice, type Node, type Schema } from "prosemirror-model";
import { EditorState, Plugin, Selection, TextSelection, type Transaction } from "prosemirror-state";
import { Decoration, DecorationSet, EditorView } from "prosemirror-view";
import { cleanHtml } from "./clean.js";
import { commandsOf, keysOf, markType, situationOf, type CommandName, type Situation } from "./commands.js";
import { htmlOf, isEmpty } from "./html.js";
import { autoLink, linkAt, withLink, type LinkAtCursor } from "./links.js";
import { textOf, textOfContent } from "./plain.js";
import { makeSchema } from "./schema.js";

export interface CoreOptions {
  readonly html: string;
  readonly label: string;
  readonly placeholder: string;
  /** Address of this page for the image with a Content-ID, undefined if it is not known. */
  readonly imageUrl: (cid: string) => string | undefined;
  readonly onChange: () => void;
  readonly onSituation: (now: Situation) => void;
  readonly onFiles?: ((files: readonly File[]) => void) | undefined;
  /** Ctrl+K was pressed. */
  readonly onLink: () => void;
}

/** The longest HTML that is taken over, in characters; the rest is left out. */
export const MAX_HTML = 2_000_000;

export class Core {
  private readonly schema: Schema;
  private readonly view: EditorView;
  private readonly commands;
  /** Images put in while writing: Content-ID → address of this page. */
  private readonly images = new Map<string, string>();

  constructor(place: HTMLElement, private readonly options: CoreOptions) {
    this.schema = makeSchema((src) => this.urlOf(src));
    this.commands = commandsOf(this.schema);
    this.view = new EditorView(place, {
      state: this.stateOf(this.parsed(options.html)),
      attributes: {
        role: "textbox",
        "aria-multiline": "true",
        "aria-label": options.label,
        class: "editor-text",
        dir: "auto",
        spellcheck: "true",
      },
      dispatchTransaction: (tr) => this.dispatch(tr),
      handleDOMEvents: { paste: (_view, event) => this.paste(event), drop: (_view, event) => this.drop(event) },
      clipboardTextSerializer: (slice) => textOfContent(slice.content),
    });
    this.tell();
  }

  html(): string {
    return htmlOf(this.view.state.doc);
  }
  text(): string {
    return textOf(this.view.state.doc);
  }
  /** Puts in another text; what was there cannot be brought back by undo. */
  setHtml(html: string): void {
    this.view.updateState(this.stateOf(this.parsed(html)));
    this.tell();
  }
  /** Content-IDs of the images in the text, without "cid:". */
  contentIds(): readonly string[] {
    const found: string[] = [];
    this.view.state.doc.descendants((node) => {
      const src = node.type.name === "image" ? String(node.attrs["src"]) : "";
      if (/^cid:/i.test(src)) found.push(src.slice(4));
    });
    return found;
  }
  insertImage(cid: string, url: string, alt: string): void {
    this.images.set(cid, url);
    const image = this.schema.nodes["image"]?.create({ src: `cid:${cid}`, alt });
    if (image) this.view.dispatch(this.view.state.tr.replaceSelectionWith(image).scrollIntoView());
  }
  run(name: CommandName): void {
    this.commands[name](this.view.state, this.view.dispatch, this.view);
    this.view.focus();
  }
  /** Writes in a colour of `COLOURS`; "" in none. */
  setColour(name: string): void {
    const type = markType(this.schema, "colour");
    const { state } = this.view;
    const { from, to, empty } = state.selection;
    const tr = state.tr.removeStoredMark(type);
    if (!empty) tr.removeMark(from, to, type);
    if (name) {
      const mark = type.create({ name });
      if (empty) tr.addStoredMark(mark);
      else tr.addMark(from, to, mark);
    }
    this.view.dispatch(tr);
    this.view.focus();
  }
  linkAtCursor(): LinkAtCursor {
    return linkAt(this.view.state);
  }
  /** Gives false for an address that may not be one. */
  setLink(place: LinkAtCursor, href: string, text: string): boolean {
    const tr = withLink(this.view.state, place, href, text);
    if (tr) this.view.dispatch(tr);
    return tr !== null;
  }
  /** Puts the cursor to the start of the text ("start"), its end, or where it was. */
  focus(where?: "start" | "end"): void {
    const { state } = this.view;
    if (where) {
      const selection = where === "start" ? Selection.atStart(state.doc) : Selection.atEnd(state.doc);
      this.view.dispatch(state.tr.setSelection(selection));
    }
    this.view.focus();
  }
  destroy(): void {
    this.view.destroy();
  }

  private dispatch(tr: Transaction): void {
    this.view.updateState(this.view.state.apply(tr));
    this.tell();
    if (tr.docChanged) this.options.onChange();
  }
  private tell(): void {
    this.options.onSituation(situationOf(this.view.state, this.commands));
  }

  private urlOf(src: string): string | null {
    if (!/^cid:/i.test(src)) return /^(?:data|blob):/i.test(src) ? src : null;
    const cid = src.slice(4);
    return this.images.get(cid) ?? this.options.imageUrl(cid) ?? null;
  }

  private parsed(html: string): Node {
    return DOMParser.fromSchema(this.schema).parse(cleanHtml(html.slice(0, MAX_HTML)));
  }
  private stateOf(doc: Node): EditorState {
    const { schema } = this;
    const { blockquote, bullet_list: bullets, ordered_list: numbers, code_block: code } = schema.nodes;
    if (!blockquote || !bullets || !numbers || !code) throw new Error("the schema is not whole");
    const rules = [
      autoLink(schema),
      wrappingInputRule(/^\s*>\s$/, blockquote),
      wrappingInputRule(/^\s*[-*]\s$/, bullets),
      wrappingInputRule(/^1[.)]\s$/, numbers),
      textblockTypeInputRule(/^```$/, code),
    ];
    return EditorState.create({
      doc,
      selection: TextSelection.atStart(doc),
      plugins: [
        inputRules({ rules }),
        history(),
        keymap({ Backspace: undoInputRule }),
        keymap(keysOf(schema, this.commands, this.options.onLink)),
        keymap(baseKeymap),
        this.placeholder(),
      ],
    });
  }

  private placeholder(): Plugin {
    const { placeholder } = this.options;
    return new Plugin({
      props: {
        decorations: ({ doc }) =>
          placeholder && isEmpty(doc)
            ? DecorationSet.create(doc, [Decoration.node(0, doc.firstChild?.nodeSize ?? 0, { class: "editor-empty", "data-placeholder": placeholder })])
            : null,
      },
    });
  }

  /** Pasted files go to the mail; pasted HTML is cleaned here, because ProseMirror's own way needs innerHTML. */
  private paste(event: ClipboardEvent): boolean {
    const data = event.clipboardData;
    if (!data) return false;
    const html = data.getData("text/html");
    if (data.files.length && this.options.onFiles && !html.includes("<table")) {
      this.options.onFiles([...data.files]);
      event.preventDefault();
      return true;
    }
    if (!html) return false;
    const tr = this.view.state.tr.replaceSelection(this.sliceOf(html));
    this.view.dispatch(tr.scrollIntoView().setMeta("paste", true).setMeta("uiEvent", "paste"));
    event.preventDefault();
    return true;
  }

  private drop(event: DragEvent): boolean {
    const data = event.dataTransfer;
    if (!data || this.view.dragging) return false;
    if (data.files.length) {
      if (!this.options.onFiles) return false;
      this.options.onFiles([...data.files]);
      event.preventDefault();
      event.stopPropagation();
      return true;
    }
    const html = data.getData("text/html");
    const at = this.view.posAtCoords({ left: event.clientX, top: event.clientY });
    if (!html || !at) return false;
    this.view.dispatch(this.view.state.tr.replaceRange(at.pos, at.pos, this.sliceOf(html)).setMeta("uiEvent", "drop"));
    event.preventDefault();
    return true;
  }

  private sliceOf(html: string): Slice {
    const { $from } = this.view.state.selection;
    if ($from.parent.type.spec.code) {
      const text = cleanHtml(html.slice(0, MAX_HTML)).textContent;
      return new Slice(Fragment.from(text ? this.schema.text(text) : null), 0, 0);
    }
    const found = DOMParser.fromSchema(this.schema).parseSlice(cleanHtml(html.slice(0, MAX_HTML)), { context: $from });
    return Slice.maxOpen(found.content, true);
  }
}

