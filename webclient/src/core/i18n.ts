/**
 * Texts of the user interface, keyed by their English form (gettext).
 *
 * `t("Moved to {folder}", {folder})` looks the English text up in the loaded
 * catalogue and fills the placeholders; a text without translation is shown in
 * English, so a missing catalogue never blocks the page.
 */
import { computed, signal } from "@preact/signals";

export type Params = Readonly<Record<string, string | number>>;
/** One language: English text -> translation; plural texts map to a list ordered as `Intl.PluralRules` categories. */
export type Catalog = Readonly<Record<string, string | Readonly<Record<string, string>>>>;

const catalog = signal<Catalog>({});
export const language = signal("en");

/** The language with the region the browser asks for, where they agree: "en-GB" rather than "en". For Intl. */
export const locale = computed(() => {
  const base = language.value.split("-")[0];
  const wanted = typeof navigator === "undefined" ? [] : navigator.languages;
  return wanted.find((tag) => tag.split("-")[0] === base) ?? language.value;
});

/** Installs the texts of one language (BCP 47 tag). */
export function setCatalog(tag: string, texts: Catalog): void {
  language.value = tag;
  catalog.value = texts;
}

function fill(text: string, params?: Params): string {
  if (!params) return text;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = params[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? formatNumber(value) : value;
  });
}

/** The text in the user's language. */
export function t(text: string, params?: Params): string {
  const found = catalog.value[text];
  return fill(typeof found === "string" ? found : text, params);
}

/** Singular or plural by `count`; `{n}` in the text is the count. */
export function tn(one: string, other: string, count: number, params?: Params): string {
  const found = catalog.value[other];
  const all = { n: count, ...params };
  if (found !== undefined && typeof found !== "string") {
    const category = new Intl.PluralRules(language.value).select(count);
    return fill(found[category] ?? found["other"] ?? other, all);
  }
  return fill(count === 1 ? one : other, all);
}

export function formatNumber(value: number): string {
  return new Intl.NumberFormat(locale.value).format(value);
}
