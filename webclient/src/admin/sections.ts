/** The sections of the page and their addresses: `#/users`, or `#/trace/17` where a section shows one thing. */
import { batch, signal } from "@preact/signals";

export const SECTIONS = ["overview", "users", "connections", "queue", "trace", "filters", "record", "multipop", "addresses"] as const;
export type Section = (typeof SECTIONS)[number];

/** The section an address leads to; the overview if there is none of this name. */
export function sectionOf(hash: string): Section {
  const [name] = partsOf(hash);
  return SECTIONS.find((item) => item === name) ?? "overview";
}

/** What an address names within its section; "" if it names nothing. */
export function thingOf(hash: string): string {
  const [, ...rest] = partsOf(hash);
  try {
    return decodeURIComponent(rest.join("/"));
  } catch {
    return "";
  }
}

function partsOf(hash: string): string[] {
  return hash.replace(/^#?\/?/, "").split("/");
}

export function sectionHref(section: Section, thing = ""): string {
  return thing ? `#/${section}/${encodeURIComponent(thing)}` : `#/${section}`;
}

export const section = signal<Section>("overview");
export const thing = signal("");

/** Follows the address bar. */
export function followSections(): void {
  const read = (): void => {
    batch(() => {
      section.value = sectionOf(location.hash);
      thing.value = thingOf(location.hash);
    });
  };
  read();
  addEventListener("hashchange", read);
}
