/**
 * How new mail makes itself known: the number in the title, and, as the setting `mail_notice`
 * has it, a card in the corner of the page, the system's notification, both or nothing;
 * beside it a sound, if sounds are on.
 */
import { effect, untracked } from "@preact/signals";
import { chatUnread } from "../chat/index.js";
import { t, tn } from "../core/i18n.js";
import { route } from "../core/router.js";
import { settings } from "../core/session.js";
import type { EmailSummary, Id } from "../jmap/types.js";
import type { Commands } from "../mail/commands.js";
import type { Mail } from "../mail/model.js";
import { personName, shownPeople } from "../mail/people.js";
import { showCard, systemNotice } from "../ui/cards.js";
import { bell } from "../ui/sound.js";

/** The name of the house as the server put it into the page, before any count was added. */
export const HOUSE = document.title || "mailim";

const SECONDS = 8;
/** Milliseconds: longer than a card stays, also under a resting pointer. */
const WATCHED = 120_000;
/** Cards of one arrival; more mails than that are one card. */
const EACH = 2;

/** Keeps the unread count in the title; returns the function that stops it. */
export function followTitle(mail: Mail): () => void {
  return effect(() => {
    const count = mail.mailboxes.inboxUnread.value + chatUnread.value;
    document.title = count ? `(${count}) ${HOUSE}` : HOUSE;
  });
}

interface Notice {
  readonly tag: string;
  readonly name: string;
  readonly address: string;
  readonly title: string | undefined;
  readonly text: string;
  readonly email: EmailSummary;
}

/** What is said about mails that came together, the newest first: one notice each, or one for all of many. */
export function noticesOf(emails: readonly EmailSummary[]): readonly Notice[] {
  const first = emails[0];
  if (!first) return [];
  const about = (email: EmailSummary): Notice => {
    const sender = shownPeople(email)[0];
    const subject = email.subject ? email.subject : t("(no subject)");
    return { tag: `mail-${email.id}`, name: sender ? personName(sender) : t("(no sender)"), address: sender?.email ?? "", title: subject, text: email.preview, email };
  };
  if (emails.length <= EACH) return emails.map(about);
  const names = [...new Set(emails.map((email) => about(email).name))].join(", ");
  return [{ tag: "mail", name: tn("1 new message", "{n} new messages", emails.length), address: "", title: undefined, text: names, email: first }];
}

/** Takes a card away as soon as its message is opened, from wherever. */
function closeWhenOpened(id: Id, close: () => void): void {
  const stop = effect(() => {
    const here = route.value;
    if ((here.page === "mail" || here.page === "search") && here.email === id) untracked(close);
  });
  setTimeout(stop, WATCHED);
}

export function announceMail(emails: readonly EmailSummary[], commands: Commands): void {
  const how = settings.value.mail_notice;
  if (emails.length) bell.ring();
  if (how === "off") return;
  for (const { email, ...notice } of noticesOf(emails)) {
    const open = (): void => {
      commands.goTo("inbox");
      commands.open(email.id);
    };
    if (how !== "browser") closeWhenOpened(email.id, showCard({ ...notice, kind: "mail", seconds: SECONDS, open }));
    if (how !== "page") systemNotice(notice.tag, notice.name, notice.title ?? notice.text, open);
  }
}
