/**
 * The rich text editor.
 *
 *   const { mount } = await loadEditor();
 *   const editor = mount(element, { html, label, placeholder, onChange });
 *   editor.html(); editor.text(); editor.destroy();
 *
 * `loadEditor` fetches ProseMirror as a chunk of its own, once.
 */
import { signal } from "@preact/signals";
import { render } from "preact";
import type { Situation } from "./commands.js";
import type { Core } from "./core.js";
import { openLinkDialog } from "./link-dialog.js";
import { Toolbar } from "./toolbar.js";

export interface EditorOptions {
  /** What is to be edited, of whatever origin: it is cleaned. "" for an empty text. */
  readonly html: string;
  /** Name of the text for screen readers. */
  readonly label: string;
  /** Shown while there is no text. */
  readonly placeholder: string;
  /** Runs after every change of the text, not for `setHtml`. */
  readonly onChange: () => void;
  /** Takes files that were pasted or dropped; without it they are left to the browser. */
  readonly onFiles?: ((files: readonly File[]) => void) | undefined;
  /** An address of this page (blob: or same origin) for the image with a Content-ID; without one its description is shown. */
  readonly imageUrl?: ((cid: string) => string | undefined) | undefined;
}

export interface Editor {
  /** The text as HTML for a mail, styles in the elements; "" if there is none. */
  html(): string;
  /** The same as plain text, quotations with "> ". */
  text(): string;
  /** Replaces everything; not undoable. */
  setHtml(html: string): void;
  /** Puts an image of the mail at the cursor; `url` shows it here, `cid:` names it in `html()`. */
  insertImage(cid: string, url: string, alt?: string): void;
  /** Content-IDs of the images that are in the text. */
  contentIds(): readonly string[];
  /** Gives it the focus, at the start or end of the text or where it was. */
  focus(where?: "start" | "end"): void;
  destroy(): void;
}

export interface EditorModule {
  readonly mount: (element: HTMLElement, options: EditorOptions) => Editor;
}

const NOTHING: Situation = { active: new Set(), possible: new Set(), colour: "" };
let next = 1;

function editLink(core: Core): void {
  const place = core.linkAtCursor();
  openLinkDialog({ href: place.href, text: place.text, set: (href, text) => core.setLink(place, href, text) }, () => setTimeout(() => core.focus()));
}

function mount(make: typeof Core, element: HTMLElement, options: EditorOptions): Editor {
  const situation = signal(NOTHING);
  const bar = document.createElement("div");
  const place = document.createElement("div");
  bar.className = "editor-head";
  place.className = "editor-place";
  place.id = `editor-${next++}`;
  element.classList.add("editor");
  element.append(bar, place);
  const core: Core = new make(place, {
    html: options.html,
    label: options.label,
    placeholder: options.placeholder,
    imageUrl: options.imageUrl ?? (() => undefined),
    onChange: options.onChange,
    onSituation: (now) => (situation.value = now),
    onFiles: options.onFiles,
    onLink: () => editLink(core),
  });
  const tools = { run: core.run.bind(core), setColour: core.setColour.bind(core), link: () => editLink(core) };
  render(<Toolbar situation={situation} controls={place.id} {...tools} />, bar);
  return {
    html: () => core.html(),
    text: () => core.text(),
    setHtml: (html) => core.setHtml(html),
    insertImage: (cid, url, alt = "") => core.insertImage(cid, url, alt),
    contentIds: () => core.contentIds(),
    focus: (where) => core.focus(where),
    destroy: () => {
      render(null, bar);
      core.destroy();
      element.classList.remove("editor");
      element.replaceChildren();
    },
  };
}

/** Fetches the editor; rejects when it cannot be fetched (no network, a newer version on the server). */
export async function loadEditor(): Promise<EditorModule> {
  const { Core: make } = await import("./core.js");
  return { mount: (element, options) => mount(make, element, options) };
}
