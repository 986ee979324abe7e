/** How new mail makes itself known: a toast, the number in the title, and, where allowed, the system's notification. */
import { effect } from "@preact/signals";
import { chatUnread } from "../chat/index.js";
import { t, tn } from "../core/i18n.js";
import { settings } from "../core/session.js";
import type { EmailSummary } from "../jmap/types.js";
import type { Commands } from "../mail/commands.js";
import type { Mail } from "../mail/model.js";
import { peopleText } from "../mail/people.js";
import { toast } from "../ui/toast.js";

/** The name of the house as the server put it into the page, before any count was added. */
export const HOUSE = document.title || "mailim";

/** Keeps the unread count in the title; returns the function that stops it. */
export function followTitle(mail: Mail): () => void {
  return effect(() => {
    const count = mail.mailboxes.inboxUnread.value + chatUnread.value;
    document.title = count ? `(${count}) ${HOUSE}` : HOUSE;
  });
}

function systemNotice(emails: readonly EmailSummary[], open: (email: EmailSummary) => void): void {
  const first = emails[0];
  if (!first || !settings.value.notifications || document.visibilityState === "visible") return;
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  const title = emails.length > 1 ? tn("1 new message", "{n} new messages", emails.length) : peopleText(first);
  const notice = new Notification(title, { body: first.subject ?? "", tag: "mailim-mail" });
  notice.onclick = () => {
    focus();
    open(first);
    notice.close();
  };
}

export function announceMail(emails: readonly EmailSummary[], commands: Commands): void {
  const first = emails[0];
  if (!first) return;
  const open = (email: EmailSummary): void => {
    commands.goTo("inbox");
    commands.open(email.id);
  };
  const text =
    emails.length > 1
      ? tn("1 new message", "{n} new messages", emails.length)
      : t("{people}: {subject}", { people: peopleText(first), subject: first.subject ? first.subject : t("(no subject)") });
  toast({ text, kind: "mail", seconds: 5, action: { label: t("Open"), run: () => open(first) } });
  systemNotice(emails, open);
}
