/** The search box of the top bar. */
import { useSignal, type Signal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../core/i18n.js";
import { navigate, route } from "../core/router.js";
import { IconButton } from "../ui/button.js";
import { Icon } from "../ui/icon.js";

const ID = "search-box";

export function focusSearch(): void {
  const box = document.getElementById(ID);
  if (box instanceof HTMLInputElement) {
    box.focus();
    box.select();
  }
}

const HINTS = ["from:", "to:", "subject:", "has:attachment", "is:unread", "is:starred", "in:", "after:2026-01-01", "larger:5M"];

/** What stands in the box: at first, and whenever the address changes, the words of the search shown. */
function useWords(): Signal<string> {
  const here = route.value;
  const inAddress = here.page === "search" ? here.words : "";
  const words = useSignal(inAddress);
  useEffect(() => {
    words.value = inAddress;
  }, [inAddress, words]);
  return words;
}

export function SearchBox(): VNode {
  const words = useWords();
  const focused = useSignal(false);
  const form = useRef<HTMLFormElement>(null);
  const submit = (event: Event): void => {
    event.preventDefault();
    if (words.value.trim()) navigate({ page: "search", words: words.value.trim() });
    document.getElementById(ID)?.blur();
  };
  const clear = (): void => {
    words.value = "";
    if (route.value.page === "search") navigate({ page: "mail", folder: "inbox" });
  };
  const add = (hint: string): void => {
    words.value = `${words.value.trim()} ${hint}`.trimStart();
    focusEnd();
  };
  return (
    <form
      ref={form}
      class="search"
      role="search"
      onSubmit={submit}
      onFocusIn={() => (focused.value = true)}
      onFocusOut={(event) => {
        if (!form.current?.contains(event.relatedTarget as Node | null)) focused.value = false;
      }}
    >
      <Icon name="search" size={18} />
      <Input words={words} />
      {words.value ? (
        <IconButton icon="close" size={16} label={t("Clear the search")} onClick={clear} />
      ) : (
        <kbd class="search-key" aria-hidden="true">
          /
        </kbd>
      )}
      {focused.value ? <Hints add={add} /> : null}
    </form>
  );
}

function Input({ words }: { words: Signal<string> }): VNode {
  return (
    <input
      id={ID}
      type="search"
      dir="auto"
      enterkeyhint="search"
      autocomplete="off"
      aria-label={t("Search mail")}
      placeholder={t("Search mail")}
      value={words.value}
      onInput={(event) => (words.value = event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === "Escape") event.currentTarget.blur();
      }}
    />
  );
}

function Hints({ add }: { add: (hint: string) => void }): VNode {
  return (
    <div class="search-hints">
      <p>{t("Narrow it down")}</p>
      {HINTS.map((hint) => (
        <button key={hint} type="button" class="chip" onClick={() => add(hint)}>
          {hint}
        </button>
      ))}
    </div>
  );
}

function focusEnd(): void {
  requestAnimationFrame(() => {
    const box = document.getElementById(ID);
    if (!(box instanceof HTMLInputElement)) return;
    box.focus();
    box.setSelectionRange(box.value.length, box.value.length);
  });
}
