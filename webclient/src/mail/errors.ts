/** Refusals of single objects (RFC 8620 §5.3, RFC 8621 §2.5, §4.6) in plain words. */
import { t } from "../core/i18n.js";
import type { SetError } from "../jmap/types.js";

export function setErrorText(error: SetError): string {
  const words: Readonly<Record<string, string>> = {
    forbidden: t("You may not do this here."),
    notFound: t("It is no longer there."),
    overQuota: t("There is no room left in the mailbox."),
    tooLarge: t("It is too large."),
    rateLimit: t("Too many changes at once. Try again in a moment."),
    mailboxHasChild: t("The folder has folders below it. Remove those first."),
    mailboxHasEmail: t("The folder is not empty."),
    invalidProperties: error.properties?.includes("name") ? t("This name cannot be used.") : t("The server did not accept this."),
  };
  return error.description ?? words[error.type] ?? t("The mail server refused this ({type}).", { type: error.type });
}
