/**
 * Menus on the browser's popover: a button that opens a list of commands.
 *
 * Arrow keys, Home and End move, a letter jumps, Escape closes and the focus
 * returns to the button (ARIA menu button pattern).
 */
import type { ComponentChildren, RefObject, VNode } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { route } from "../core/router.js";
import { Icon, type IconName } from "./icon.js";

export interface MenuItem {
  readonly label: string;
  readonly icon?: IconName | undefined;
  readonly run: () => void;
  readonly checked?: boolean | undefined;
  readonly danger?: boolean | undefined;
  readonly disabled?: boolean | undefined;
  readonly shortcut?: string | undefined;
}
export type MenuEntry = MenuItem | "separator" | null | false | undefined;

interface MenuButtonProps {
  readonly label: string;
  readonly children: ComponentChildren;
  readonly items: () => readonly MenuEntry[];
  readonly head?: ComponentChildren;
  readonly class?: string;
  readonly title?: string;
}

const GAP = 4;

/** Puts the list under its button, or above it where there is no room, inside the window. */
export function place(list: HTMLElement, anchor: DOMRect): void {
  const box = list.getBoundingClientRect();
  const below = anchor.bottom + GAP + box.height <= innerHeight;
  const top = below ? anchor.bottom + GAP : Math.max(GAP, anchor.top - GAP - box.height);
  const rtl = getComputedStyle(list).direction === "rtl";
  const wanted = anchor.left + box.width > innerWidth || rtl ? anchor.right - box.width : anchor.left;
  list.style.top = `${top}px`;
  list.style.left = `${Math.max(GAP, Math.min(wanted, innerWidth - box.width - GAP))}px`;
}

function step(list: HTMLElement, event: KeyboardEvent): void {
  const items = [...list.querySelectorAll<HTMLElement>('[role^="menuitem"]:not(:disabled)')];
  const at = items.indexOf(document.activeElement as HTMLElement);
  const to: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 };
  const wanted = to[event.key];
  if (wanted !== undefined) {
    event.preventDefault();
    items.at(wanted % items.length)?.focus();
  } else if (event.key === "Tab") {
    list.hidePopover();
  } else if (event.key.length === 1) {
    const letter = event.key.toLowerCase();
    const rest = [...items.slice(at + 1), ...items.slice(0, at + 1)];
    rest.find((item) => item.textContent.trim().toLowerCase().startsWith(letter))?.focus();
  }
  event.stopPropagation();
}

function Entry({ entry, done }: { entry: MenuItem | "separator"; done: () => void }): VNode {
  if (entry === "separator") return <hr class="menu-separator" />;
  const radio = entry.checked !== undefined;
  return (
    <button
      type="button"
      class={entry.danger ? "menu-item menu-danger" : "menu-item"}
      role={radio ? "menuitemradio" : "menuitem"}
      aria-checked={entry.checked}
      disabled={entry.disabled}
      tabIndex={-1}
      onClick={() => {
        done();
        entry.run();
      }}
    >
      <span class="menu-icon">{entry.checked ? <Icon name="check" size={18} /> : entry.icon ? <Icon name={entry.icon} size={18} /> : null}</span>
      <span class="menu-label" dir="auto">
        {entry.label}
      </span>
      {entry.shortcut ? <kbd>{entry.shortcut}</kbd> : null}
    </button>
  );
}

/** Another page is no place for the menu of this one (Back, a link in a notice). */
function useClosing(list: RefObject<HTMLDivElement | null>): void {
  useEffect(() => route.subscribe(() => list.current?.hidePopover()), [list]);
}

export function MenuButton({ label, children, items, head, class: name, title }: MenuButtonProps): VNode {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const [shown, setShown] = useState(false);
  const done = (): void => {
    list.current?.hidePopover();
    button.current?.focus();
  };
  useClosing(list);
  useLayoutEffect(() => {
    if (!shown || !list.current || !button.current) return;
    place(list.current, button.current.getBoundingClientRect());
    list.current.querySelector<HTMLElement>('[role^="menuitem"]:not(:disabled)')?.focus();
  }, [shown]);
  return (
    <>
      <button
        ref={button}
        type="button"
        class={name ?? "icon-button"}
        title={title ?? label}
        aria-label={label}
        aria-haspopup="menu"
        aria-expanded={shown}
        aria-controls={id}
        popovertarget={id}
      >
        {children}
      </button>
      <div
        ref={list}
        id={id}
        popover="auto"
        class="menu"
        role="menu"
        aria-label={label}
        onToggle={(event) => setShown(event.newState === "open")}
        onKeyDown={(event) => {
          if (list.current) step(list.current, event);
        }}
      >
        {head}
        {shown ? items().map((entry, index) => (entry ? <Entry key={index} entry={entry} done={done} /> : null)) : null}
      </div>
    </>
  );
}
