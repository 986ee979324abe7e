/** Fetches the chunk of writing, once. */
import { t } from "../core/i18n.js";
import type { MailServices } from "../mail/context.js";
import { toastError } from "../ui/toast.js";
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

/** Opens a window to write in. */
export async function compose(services: MailServices, request: ComposeRequest): Promise<void> {
  (await prepareCompose(services))?.open(request);
}

/** Brings back what was being written before a reload. */
export function restoreCompose(services: MailServices): void {
  try {
    if (sessionStorage.getItem(WINDOWS_KEY) ?? localStorage.getItem(KEPT_KEY)) void prepareCompose(services);
  } catch {
    // without storage nothing was kept
  }
}
