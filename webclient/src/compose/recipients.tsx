/**
 * A field of recipients: chips for those entered, completion for the one being written.
 *
 * Keys: Enter, Tab, comma and semicolon take over what is chosen or written; Backspace in the
 * empty field and the arrows lead to the chips, where Delete removes and Enter or F2 edits.
 * ARIA: combobox with a listbox (APG "editable combobox with list autocomplete").
 */
import { useSignal, type Signal } from "@preact/signals";
import type { VNode } from "preact";
import { useCallback, useEffect, useId, useMemo, useRef } from "preact/hooks";
import { t } from "../core/i18n.js";
import { PeopleSearch, type Person } from "./people-search.js";
import { Chip, DRAGGED } from "./recipient-chip.js";
import { optionId, Options } from "./recipient-options.js";
import { isAddress, readRecipients, recipientText, withRecipients, type Recipient } from "./recipient-text.js";

export type { Recipient } from "./recipient-text.js";

export interface RecipientsProps {
  readonly label: string;
  readonly value: readonly Recipient[];
  readonly onChange: (value: Recipient[]) => void;
  readonly autofocus?: boolean;
  /** What the server said against addresses: address in lower case → words for people. */
  readonly problems?: Readonly<Record<string, string>> | undefined;
}

const NOBODY: readonly Person[] = [];

interface Field {
  readonly text: Signal<string>;
  readonly people: Signal<readonly Person[]>;
  readonly active: Signal<number>;
  readonly said: Signal<string>;
  readonly search: PeopleSearch;
  readonly close: () => void;
}

/** The state of one field; `chosen` are not offered again. */
function useField(chosen: { readonly current: readonly Recipient[] }): Field {
  const text = useSignal("");
  const people = useSignal(NOBODY);
  const active = useSignal(-1);
  const said = useSignal("");
  const search = useMemo(
    () =>
      new PeopleSearch((found) => {
        const taken = new Set(chosen.current.map((item) => item.email.toLowerCase()));
        people.value = found.filter((item) => !taken.has(item.email.toLowerCase()));
        active.value = people.value.length && text.value.trim() ? 0 : -1;
        said.value = people.value.length ? t("{n} found", { n: people.value.length }) : t("Nobody found");
      }),
    [chosen, people, active, said, text],
  );
  useEffect(() => () => search.cancel(), [search]);
  const close = useCallback(() => {
    search.cancel();
    people.value = NOBODY;
    active.value = -1;
  }, [search, people, active]);
  return { text, people, active, said, search, close };
}

/** What the keys of the input do. */
interface Acts {
  readonly add: (more: readonly Recipient[]) => void;
  /** Takes over what is chosen in the list, else what is written; false if there is nothing. */
  readonly take: (chosenToo: boolean) => boolean;
  readonly toChips: () => boolean;
}

function move(field: Field, by: number): void {
  const count = field.people.value.length;
  if (!count) field.search.ask(field.text.value);
  else field.active.value = (field.active.value + by + count) % count;
}

function onInputKey(event: KeyboardEvent, field: Field, acts: Acts): void {
  if (event.isComposing) return;
  const input = event.currentTarget as HTMLInputElement;
  const atStart = input.selectionStart === 0 && input.selectionEnd === 0;
  const open = field.people.value.length > 0;
  let done = true;
  if (event.key === "ArrowDown") move(field, 1);
  else if (event.key === "ArrowUp" && open) move(field, -1);
  else if (event.key === "Escape" && open) field.close();
  else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) done = acts.take(true) || open;
  else if (event.key === "Tab" && !event.shiftKey) done = acts.take(true);
  else if (event.key === "," || event.key === ";") done = acts.take(false) || !input.value.trim();
  else if (event.key === " " && isAddress(input.value.trim())) done = acts.take(false);
  else if ((event.key === "Backspace" || event.key === "ArrowLeft") && atStart) done = acts.toChips();
  else done = false;
  if (!done) return;
  event.preventDefault();
  if (event.key === "Escape") event.stopPropagation();
}

/** Moves among the chips; Delete and Backspace remove, Enter and F2 bring one back into the field. */
function onChipKey(event: KeyboardEvent, index: number, box: HTMLElement | null, acts: { remove: (index: number) => void; edit: (index: number) => void }): void {
  const chips = [...(box?.querySelectorAll<HTMLElement>(".recipient-main") ?? [])];
  const rtl = box !== null && getComputedStyle(box).direction === "rtl";
  const forward = rtl ? "ArrowLeft" : "ArrowRight";
  const back = rtl ? "ArrowRight" : "ArrowLeft";
  const input = box?.querySelector("input");
  if (event.key === back) chips[Math.max(0, index - 1)]?.focus();
  else if (event.key === forward) (chips[index + 1] ?? input)?.focus();
  else if (event.key === "Home") chips[0]?.focus();
  else if (event.key === "End" || event.key === "Escape") input?.focus();
  else if (event.key === "Delete" || event.key === "Backspace") acts.remove(index);
  else if (event.key === "Enter" || event.key === "F2") acts.edit(index);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

interface InputProps {
  readonly props: RecipientsProps;
  readonly field: Field;
  readonly acts: Acts;
  readonly list: string;
}

function Input({ props, field, acts, list }: InputProps): VNode {
  const { text, people, active } = field;
  const open = people.value.length > 0;
  const onInput = (value: string): void => {
    text.value = value;
    // The comma of a phone's keyboard comes without a key of its own.
    if (/[,;]\s*$/.test(value) && acts.take(false)) return;
    if (value.trim()) field.search.ask(value);
    else field.close();
  };
  return (
    <input
      class="recipients-input"
      role="combobox"
      aria-label={props.label}
      aria-autocomplete="list"
      aria-expanded={open}
      aria-controls={list}
      aria-activedescendant={open && active.value >= 0 ? optionId(list, active.value) : undefined}
      dir="auto"
      inputMode="email"
      enterKeyHint="next"
      autocomplete="off"
      autocapitalize="off"
      spellcheck={false}
      autofocus={props.autofocus}
      value={text.value}
      onInput={(event) => onInput(event.currentTarget.value)}
      onKeyDown={(event) => onInputKey(event, field, acts)}
      onBlur={() => {
        acts.take(false);
        field.close();
      }}
      onPaste={(event) => {
        const pasted = event.clipboardData?.getData("text/plain") ?? "";
        const found = readRecipients(pasted);
        if (text.value.trim() || !found.some((item) => isAddress(item.email))) return;
        event.preventDefault();
        acts.add(found);
      }}
    />
  );
}

function takeDropped(event: DragEvent, add: (more: readonly Recipient[]) => void): void {
  const dragged = event.dataTransfer?.getData(DRAGGED);
  if (!dragged) return;
  event.preventDefault();
  event.stopPropagation();
  try {
    const { name, email } = JSON.parse(dragged) as Partial<Recipient>;
    if (typeof name === "string" && typeof email === "string") add([{ name, email }]);
  } catch {
    // somebody else's drag with our name on it
  }
}

interface AllActs extends Acts {
  readonly remove: (index: number) => void;
  readonly edit: (index: number) => void;
  readonly focusInput: () => void;
}

function actsOf({ value, onChange }: RecipientsProps, field: Field, chosen: { readonly current: readonly Recipient[] }, box: { readonly current: HTMLElement | null }): AllActs {
  const focusInput = (): void => box.current?.querySelector("input")?.focus();
  const add = (more: readonly Recipient[]): void => {
    onChange(withRecipients(chosen.current, more));
    field.text.value = "";
    field.close();
    field.said.value = t("Added: {who}", { who: more.map((item) => item.name || item.email).join(", ") });
  };
  const remove = (index: number): void => {
    const gone = value[index];
    onChange(value.filter((_item, at) => at !== index));
    if (gone) field.said.value = t("Removed: {who}", { who: gone.name || gone.email });
    focusInput();
  };
  return {
    add,
    remove,
    focusInput,
    edit: (index) => {
      const item = value[index];
      if (!item) return;
      remove(index);
      field.text.value = recipientText(item);
    },
    take: (chosenToo) => {
      const person = chosenToo ? field.people.value[field.active.value] : undefined;
      const found = person ? [person] : readRecipients(field.text.value);
      if (found.length) add(found.map(({ name, email }) => ({ name, email })));
      return found.length > 0;
    },
    toChips: () => {
      const last = [...(box.current?.querySelectorAll<HTMLElement>(".recipient-main") ?? [])].at(-1);
      last?.focus();
      return last !== undefined;
    },
  };
}

export function Recipients(props: RecipientsProps): VNode {
  const { label, value, problems } = props;
  const box = useRef<HTMLDivElement>(null);
  const chosen = useRef(value);
  chosen.current = value;
  const field = useField(chosen);
  const list = useId();
  const anchor = useCallback(() => box.current, []);
  const acts = actsOf(props, field, chosen, box);
  return (
    <div
      ref={box}
      class="recipients"
      onClick={(event) => {
        if (event.target === event.currentTarget || event.target instanceof HTMLUListElement) acts.focusInput();
      }}
      onDragOver={(event) => {
        if (event.dataTransfer?.types.includes(DRAGGED)) event.preventDefault();
      }}
      onDrop={(event) => takeDropped(event, acts.add)}
    >
      <span class="recipients-label" aria-hidden="true">
        {label}
      </span>
      <ul class="recipient-list" aria-label={t("Entered for {field}", { field: label })}>
        {value.map((item, index) => (
          <Chip
            key={item.email}
            recipient={item}
            problem={problems?.[item.email.toLowerCase()]}
            remove={() => acts.remove(index)}
            edit={() => acts.edit(index)}
            onKeyDown={(event) => onChipKey(event, index, box.current, acts)}
          />
        ))}
      </ul>
      <Input props={props} field={field} acts={acts} list={list} />
      <Options id={list} label={label} people={field.people.value} active={field.active.value} anchor={anchor} choose={(person) => acts.add([{ name: person.name, email: person.email }])} point={(index) => (field.active.value = index)} />
      <span class="visually-hidden" role="status">
        {field.said.value}
      </span>
    </div>
  );
}
