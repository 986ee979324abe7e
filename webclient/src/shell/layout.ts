/** What fits on the screen: one pane on a phone, folders in a drawer on a tablet, all beside each other on a desk. */
import { computed, effect, signal } from "@preact/signals";
import { language } from "../core/i18n.js";
import { settings } from "../core/session.js";

function media(query: string): ReturnType<typeof signal<boolean>> {
  const list = matchMedia(query);
  const now = signal(list.matches);
  list.addEventListener("change", () => (now.value = list.matches));
  return now;
}

const phoneMedia = media("(max-width: 719px)");
const drawerMedia = media("(max-width: 899px)");
const darkMedia = media("(prefers-color-scheme: dark)");

export const isPhone = computed(() => phoneMedia.value === true);
/** Folders open over the list instead of beside it. */
export const hasDrawer = computed(() => drawerMedia.value === true);
export const drawerOpen = signal(false);
/** Where a message opens. */
export const pane = computed(() => (isPhone.value ? "off" : settings.value.reading_pane));
/** The colour scheme in force. */
export const scheme = computed<"light" | "dark">(() => {
  const { theme } = settings.value;
  if (theme !== "system") return theme;
  return darkMedia.value === true ? "dark" : "light";
});

const RTL = new Set(["ar", "fa", "he", "ur", "yi", "dv", "ps", "sd", "ug", "ckb"]);

/** Keeps theme, density, language and direction on <html>; returns the function that stops it. */
export function followSettings(): () => void {
  const root = document.documentElement;
  return effect(() => {
    const { theme, density } = settings.value;
    if (theme === "system") delete root.dataset["theme"];
    else root.dataset["theme"] = theme;
    root.dataset["density"] = density;
    root.lang = language.value;
    root.dir = RTL.has(language.value.split("-")[0] ?? "") ? "rtl" : "ltr";
  });
}
