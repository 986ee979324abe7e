/** What opening a message means: drafts are gone on with, all others are read. */
import type { MailServices } from "../mail/context.js";
import type { Id } from "../jmap/types.js";
import { compose } from "./load.js";

/** Whether a message is a draft that one goes on with. */
export function isDraft({ mail }: MailServices, id: Id): boolean {
  const email = mail.emails.peek(id);
  const drafts = mail.mailboxes.role("drafts")?.id ?? "";
  return email?.keywords["$draft"] === true && email.mailboxIds[drafts] === true;
}

export function openOrEdit(services: MailServices, id: Id): void {
  if (!isDraft(services, id)) services.commands.open(id);
  else {
    services.mail.selection.cursor.value = id;
    void compose(services, { kind: "draft", id });
  }
}
