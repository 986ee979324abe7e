/** The sections of the page and their addresses: `#/users` and so on. */
import { signal } from "@preact/signals";

export const SECTIONS = ["overview", "users", "connections", "record", "multipop", "addresses"] as const;
export type Section = (typeof SECTIONS)[number];

/** The section an address leads to; the overview if there is none of this name. */
export function sectionOf(hash: string): Section {
  const name = hash.replace(/^#?\/?/, "");
  return SECTIONS.find((item) => item === name) ?? "overview";
}

export function sectionHref(section: Section): string {
  return `#/${section}`;
}

export const section = signal<Section>("overview");

/** Follows the address bar. */
export function followSections(): void {
  const read = (): void => {
    section.value = sectionOf(location.hash);
  };
  read();
  addEventListener("hashchange", read);
}
