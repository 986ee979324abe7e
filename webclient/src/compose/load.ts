/** Fetches the chunk of writing, once. */
import { t } from "../core/i18n.js";
import type { MailServices } from "../mail/context.js";
import { toast, toastError } from "../ui/toast.js";
import { composing, KEPT_KEY, WINDOWS_KEY, type ComposeParts, type ComposeRequest } from "./index.js";

let loading: Promise<ComposeParts | null> | null = null;

async function load(services: MailServices): Promise<ComposeParts | null> {
  try {
    const { start } = await import("./main.js");
    return (composing.value ??= await start(services));
  } catch (error) {
    console.error(error);
    loading = null; // the next one tries again
    toastError(t("Writing mail could not be started. Check the connection, or load the page again."));
    return null;
  }
}

/** Begins to fetch it, because it will be wanted soon. */
export function prepareCompose(services: MailServices): Promise<ComposeParts | null> {
  return (loading ??= load(services));
}

/** Milliseconds after which one is told that it takes its time. */
const SLOW = 500;
/** Milliseconds that what is typed meanwhile is taken as meant for the letter. */
const TYPED_AHEAD = 5_000;
/** What is being opened, and since when. */
const pending = new Map<string, number>();

/** Whether a letter was asked for a moment ago and is not there yet: keys pressed now are no commands, as its text may have been begun. */
export function letterIsOpening(): boolean {
  return [...pending.values()].some((since) => performance.now() - since < TYPED_AHEAD);
}

/** Opens a window to write in. Asked for again while it is on its way it opens one all the same: nobody waits twice. */
export async function compose(services: MailServices, request: ComposeRequest): Promise<void> {
  const key = JSON.stringify(request);
  if (pending.has(key)) return;
  pending.set(key, performance.now());
  let close = (): void => undefined;
  const slow = setTimeout(() => (close = toast({ text: t("Opening…"), seconds: 60 })), SLOW);
  try {
    await (await prepareCompose(services))?.open(request);
  } finally {
    pending.delete(key);
    clearTimeout(slow);
    close();
  }
}

/** Brings back what was being written before a reload. */
export function restoreCompose(services: MailServices): void {
  try {
    if (sessionStorage.getItem(WINDOWS_KEY) ?? localStorage.getItem(KEPT_KEY)) void prepareCompose(services);
  } catch {
    // without storage nothing was kept
  }
}
