/** Who wrote to whom, when: one line, and everything on request. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { chat, presenceOf } from "../chat/index.js";
import { fileSize, longDate, shortDate } from "../core/format.js";
import { t, tn } from "../core/i18n.js";
import { session } from "../core/session.js";
import type { EmailAddress, EmailFull } from "../jmap/types.js";
import { Avatar } from "../ui/avatar.js";
import { IconButton } from "../ui/button.js";
import { Icon } from "../ui/icon.js";
import { isMisleading, personName } from "./people.js";

/** Name and real address; the address always as it is, left to right. */
function Person({ person }: { person: EmailAddress }): VNode {
  const name = personName(person);
  return (
    <span class="person">
      {name !== person.email ? (
        <span class="person-name" dir="auto">
          {name}
        </span>
      ) : null}{" "}
      <span class="person-address" dir="ltr">
        {name !== person.email ? `<${person.email}>` : person.email}
      </span>
      {isMisleading(person) ? (
        <span class="person-warning" title={t("The name shows another address than the real one.")}>
          <Icon name="warning" size={14} /> {t("misleading name")}
        </span>
      ) : null}
    </span>
  );
}

function Line({ label, people }: { label: string; people: readonly EmailAddress[] | null }): VNode | null {
  if (!people?.length) return null;
  return (
    <>
      <dt>{label}</dt>
      <dd>
        {people.map((person, index) => (
          <Person key={index} person={person} />
        ))}
      </dd>
    </>
  );
}

function Details({ email }: { email: EmailFull }): VNode {
  const sentLater = email.sentAt && Math.abs(Date.parse(email.sentAt) - Date.parse(email.receivedAt)) > 60_000;
  return (
    <dl class="details">
      <Line label={t("From")} people={email.from} />
      <Line label={t("Sender")} people={email.sender} />
      <Line label={t("Reply to")} people={email.replyTo} />
      <Line label={t("To")} people={email.to} />
      <Line label={t("Cc")} people={email.cc} />
      <Line label={t("Bcc")} people={email.bcc} />
      {sentLater && email.sentAt ? (
        <>
          <dt>{t("Sent")}</dt>
          <dd>{longDate(email.sentAt)}</dd>
        </>
      ) : null}
      <dt>{t("Received")}</dt>
      <dd>{longDate(email.receivedAt)}</dd>
      <dt>{t("Size")}</dt>
      <dd>{fileSize(email.size)}</dd>
      {email.messageId?.length ? (
        <>
          <dt>{t("Message ID")}</dt>
          <dd dir="ltr">{email.messageId.join(" ")}</dd>
        </>
      ) : null}
    </dl>
  );
}

/** "to me, Carla and 2 more". */
function recipients(email: EmailFull): string {
  const all = [...(email.to ?? []), ...(email.cc ?? [])];
  const own = session.value?.address.toLowerCase();
  const shown = all.slice(0, 3).map((person) => (person.email.toLowerCase() === own ? t("me") : personName(person)));
  const text = shown.join(", ");
  if (!text) return t("no named recipient");
  return all.length > 3 ? tn("to {people} and {n} more", "to {people} and {n} more", all.length - 3, { people: text }) : t("to {people}", { people: text });
}

function ChatButton({ address }: { address: string }): VNode | null {
  const parts = chat.value;
  if (!parts || !presenceOf(address).value) return null;
  return <IconButton icon="chat" size={18} label={t("Chat")} onClick={() => parts.open(address)} />;
}

export function ReaderHead({ email }: { email: EmailFull }): VNode {
  const open = useSignal(false);
  const from = email.from?.[0] ?? { name: null, email: "" };
  return (
    <header class="reader-head">
      <Avatar name={from.name ?? ""} address={from.email} size={42} />
      <div class="reader-who">
        <p class="reader-from">
          {from.email ? <Person person={from} /> : t("(no sender)")}
          <ChatButton address={from.email} />
        </p>
        <p class="reader-to">
          <span dir="auto">{recipients(email)}</span>
          <button type="button" class="details-button" aria-expanded={open.value} onClick={() => (open.value = !open.value)}>
            {open.value ? t("Hide details") : t("Details")}
          </button>
        </p>
      </div>
      <time class="reader-date" dateTime={email.receivedAt} title={longDate(email.receivedAt)}>
        {shortDate(email.receivedAt)}
      </time>
      {open.value ? <Details email={email} /> : null}
    </header>
  );
}
