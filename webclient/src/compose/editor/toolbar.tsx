/**
 * The toolbar over the text (ARIA toolbar pattern: one stop for Tab, arrows inside).
 *
 * Buttons act on press of the pointer without taking the focus, so that a phone keeps its keyboard.
 */
import type { ReadonlySignal } from "@preact/signals";
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { t } from "../../core/i18n.js";
import { MenuButton, type MenuEntry } from "../../ui/menu.js";
import type { CommandName, Situation } from "./commands.js";
import { Glyph, type GlyphName } from "./glyphs.js";

export interface ToolbarProps {
  readonly situation: ReadonlySignal<Situation>;
  readonly controls: string;
  readonly run: (name: CommandName) => void;
  readonly setColour: (name: string) => void;
  readonly link: () => void;
}

interface Tool {
  readonly name: CommandName | "link";
  readonly glyph: GlyphName;
  readonly label: string;
  readonly keys: string;
  /** Shows whether it is in force. */
  readonly toggles: boolean;
}

const MAC = typeof navigator !== "undefined" && navigator.platform.startsWith("Mac");

/** A key as the platform writes it: "Mod+B" is Ctrl+B, or ⌘B. */
function keyText(keys: string): string {
  return MAC ? keys.replace("Mod+", "⌘").replace("Shift+", "⇧") : keys.replace("Mod+", "Ctrl+");
}

/** As `aria-keyshortcuts` has it. */
function ariaKeys(keys: string): string {
  return keys.replace("Mod+", MAC ? "Meta+" : "Control+");
}

function groups(): readonly (readonly Tool[])[] {
  const tool = (name: Tool["name"], glyph: GlyphName, label: string, keys: string, toggles = true): Tool => ({ name, glyph, label, keys, toggles });
  return [
    [
      tool("bold", "bold", t("Bold"), "Mod+B"),
      tool("italic", "italic", t("Italic"), "Mod+I"),
      tool("underline", "underline", t("Underlined"), "Mod+U"),
      tool("strike", "strike", t("Struck through"), "Mod+Shift+X"),
    ],
    [
      tool("heading", "heading", t("Heading"), ""),
      tool("bullets", "bullets", t("List"), "Mod+Shift+8"),
      tool("numbers", "numbers", t("Numbered list"), "Mod+Shift+7"),
      tool("quote", "quote", t("Quotation"), "Mod+Shift+9"),
      tool("link", "link", t("Link"), "Mod+K"),
    ],
    [
      tool("clear", "clear", t("Clear formatting"), "Mod+\\", false),
      tool("undo", "undo", t("Undo"), "Mod+Z", false),
      tool("redo", "redo", t("Redo"), "Mod+Y", false),
    ],
  ];
}

function ToolButton({ tool, props }: { tool: Tool; props: ToolbarProps }): VNode {
  const { active, possible } = props.situation.value;
  const name = tool.name;
  const possibleNow = name === "link" || possible.has(name) || active.has(name);
  return (
    <button
      type="button"
      class="icon-button editor-tool"
      title={tool.keys ? `${tool.label} (${keyText(tool.keys)})` : tool.label}
      aria-label={tool.label}
      aria-keyshortcuts={tool.keys ? ariaKeys(tool.keys) : undefined}
      aria-pressed={tool.toggles ? active.has(name) : undefined}
      aria-disabled={!possibleNow}
      onMouseDown={(event) => event.preventDefault()}
      onClick={() => {
        if (!possibleNow) return;
        if (name === "link") props.link();
        else props.run(name);
      }}
    >
      <Glyph name={tool.glyph} />
    </button>
  );
}

function colourEntries(props: ToolbarProps): MenuEntry[] {
  const { colour } = props.situation.value;
  const names = { "": t("Without colour"), red: t("Red"), orange: t("Orange"), green: t("Green"), blue: t("Blue"), purple: t("Purple"), grey: t("Grey") };
  return Object.entries(names).map(([name, label]) => ({ label, checked: colour === name, run: () => props.setColour(name) }));
}

/** One button can be reached by Tab: the one used last. */
function useRoving(): { readonly bar: { current: HTMLDivElement | null }; readonly onKeyDown: (event: KeyboardEvent) => void; readonly onFocusIn: (event: FocusEvent) => void } {
  const bar = useRef<HTMLDivElement>(null);
  const at = useRef(0);
  const buttons = (): HTMLButtonElement[] => [...(bar.current?.querySelectorAll<HTMLButtonElement>(":scope > .editor-group > button") ?? [])];
  const apply = (): void => buttons().forEach((button, index) => (button.tabIndex = index === at.current ? 0 : -1));
  useLayoutEffect(apply);
  return {
    bar,
    onFocusIn: (event) => {
      const found = buttons().indexOf(event.target as HTMLButtonElement);
      if (found >= 0) at.current = found;
      apply();
    },
    onKeyDown: (event) => {
      const all = buttons();
      const here = all.indexOf(event.target as HTMLButtonElement);
      const forward = getComputedStyle(event.currentTarget as HTMLElement).direction === "rtl" ? -1 : 1;
      const to: Record<string, number> = { ArrowRight: here + forward, ArrowLeft: here - forward, Home: 0, End: all.length - 1 };
      const wanted = to[event.key];
      if (here < 0 || wanted === undefined) return;
      event.preventDefault();
      all.at(wanted % all.length)?.focus();
    },
  };
}

export function Toolbar(props: ToolbarProps): VNode {
  const { bar, onKeyDown, onFocusIn } = useRoving();
  const [marks, blocks, rest] = groups();
  return (
    <div ref={bar} class="editor-bar" role="toolbar" aria-label={t("Formatting")} aria-controls={props.controls} onKeyDown={onKeyDown} onFocusIn={onFocusIn}>
      <div class="editor-group">
        {marks?.map((tool) => <ToolButton key={tool.name} tool={tool} props={props} />)}
        <MenuButton class={`icon-button editor-tool ink-${props.situation.value.colour || "none"}`} label={t("Colour of the text")} items={() => colourEntries(props)}>
          <Glyph name="colour" />
        </MenuButton>
      </div>
      <div class="editor-group">{blocks?.map((tool) => <ToolButton key={tool.name} tool={tool} props={props} />)}</div>
      <div class="editor-group">{rest?.map((tool) => <ToolButton key={tool.name} tool={tool} props={props} />)}</div>
    </div>
  );
}
