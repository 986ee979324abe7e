/** Names and addresses of the people of a message, as they are shown. */
import { t } from "../core/i18n.js";
import type { EmailAddress, EmailSummary } from "../jmap/types.js";

/** The name of a person, else the address. */
export function personName(person: EmailAddress): string {
  const name = person.name?.trim();
  return name ? name : person.email;
}

/** Who a row is about: recipients of what one sent or is writing, else the sender. */
export function shownPeople(email: EmailSummary, mine = false): readonly EmailAddress[] {
  return (mine || email.keywords["$draft"] ? email.to : email.from) ?? [];
}

export function peopleText(email: EmailSummary, mine = false): string {
  const people = shownPeople(email, mine);
  const names = people.map(personName).join(", ");
  return mine && names ? t("To {people}", { people: names }) : names;
}

/** Whether a name pretends to be another address than the real one. */
export function isMisleading(person: EmailAddress): boolean {
  const named = /[\w.+-]+@[\w-]+(?:\.[\w-]+)+/.exec(person.name ?? "")?.[0];
  return named !== undefined && named.toLowerCase() !== person.email.toLowerCase();
}
