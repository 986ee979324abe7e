/** Links to mail addresses anywhere (RFC 6068), opened here: the browser is asked to hand them over. */
import { t } from "../core/i18n.js";
import { toast, toastError } from "../ui/toast.js";

/** Where the browser opens a link, which it writes in the place of `%s`: in the fragment, so that no server sees or logs it. */
export function mailLinkTemplate(origin: string): string {
  return `${origin}/#/mailto/%s`;
}

/** Whether this browser can be asked at all. */
export function mayOpenMailLinks(): boolean {
  return "registerProtocolHandler" in navigator;
}

/** Asks the browser; it asks the user, and tells nobody what was answered. */
export function openMailLinksHere(): void {
  try {
    navigator.registerProtocolHandler("mailto", mailLinkTemplate(location.origin));
  } catch {
    toastError(t("This browser does not let the page open mail links."));
    return;
  }
  toast({ text: t("Your browser may ask now, beside its address bar. If it does not, it was answered before: its settings list what opens mail links."), seconds: 12 });
}
