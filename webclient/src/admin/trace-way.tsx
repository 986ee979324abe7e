/** The way of one mail as a timeline, and those of the mails it caused. */
import type { VNode } from "preact";
import { fileSize } from "../core/format.js";
import { locale, t } from "../core/i18n.js";
import { Icon, type IconName } from "../ui/icon.js";
import { call, useLoaded } from "./api.js";
import { Failure, Skeleton, Tag, When } from "./parts.js";
import { sectionHref } from "./sections.js";
import { moodOf, type TracedMail, type TraceEvent, type WaitingRecipient, type Way, WHAT, type What } from "./trace-model.js";

const SECONDS = 5;

const ICONS: Readonly<Record<What, IconName>> = {
  accepted: "inbox", filtered: "check", expanded: "contacts", copied: "file", waits: "clock", retried: "refresh", held: "lock", released: "play",
  delivered: "inbox", relayed: "send", failed: "warning", removed: "trash", ended: "check", notice: "mail", autoreply: "mail",
};

function isKnown(what: string): what is What {
  return (WHAT as readonly string[]).includes(what);
}

export function whatText(what: string): string {
  const words: Readonly<Record<What, string>> = {
    accepted: t("Accepted"),
    filtered: t("Judged by rules"),
    expanded: t("Expanded"),
    copied: t("Copied"),
    waits: t("Tried, waits"),
    retried: t("Tried at once"),
    held: t("Held"),
    released: t("Let go"),
    delivered: t("Delivered"),
    relayed: t("Handed on"),
    failed: t("Failed"),
    removed: t("Removed"),
    ended: t("Ended"),
    notice: t("Notice to the sender"),
    autoreply: t("Automatic reply"),
  };
  return isKnown(what) ? words[what] : what;
}

export function originText(origin: string): string {
  const words: Readonly<Record<string, string>> = {
    smtp: t("from another server"),
    submission: t("from a mail program"),
    multipop: t("collected from a mailbox"),
    jmap: t("from the browser"),
    system: t("made here"),
  };
  return words[origin] ?? origin;
}

/** Date and time with milliseconds: the order of things is what matters here. */
function exact(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  const day = new Intl.DateTimeFormat(locale.value, { dateStyle: "medium" }).format(date);
  const time = new Intl.DateTimeFormat(locale.value, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 }).format(date);
  return `${day}, ${time}`;
}

function Line({ event }: { event: TraceEvent }): VNode {
  return (
    <li class={`way-line way-${moodOf(event.what)}`}>
      <span class="way-mark">
        <Icon name={isKnown(event.what) ? ICONS[event.what] : "info"} size={16} />
      </span>
      <div class="way-words">
        <p class="way-head">
          <strong>{whatText(event.what)}</strong>
          {event.address ? <span dir="ltr">{event.address}</span> : null}
          <time dateTime={event.time}>{exact(event.time)}</time>
        </p>
        {event.detail ? <p dir="auto">{event.detail}</p> : null}
        {event.next_attempt ? <p>{t("Next attempt: {time}", { time: exact(event.next_attempt) })}</p> : null}
        {event.other ? <a href={sectionHref("trace", String(event.other))}>{t("Mail {id}", { id: String(event.other) })}</a> : null}
      </div>
    </li>
  );
}

function Now({ one }: { one: WaitingRecipient }): VNode {
  return (
    <li class={`way-line way-now ${one.state === "held" ? "way-bad" : "way-warn"}`}>
      <span class="way-mark">
        <Icon name={one.state === "held" ? "lock" : "clock"} size={16} />
      </span>
      <div class="way-words">
        <p class="way-head">
          <strong>{one.state === "held" ? t("Is held") : t("Is under way")}</strong>
          <span dir="ltr">{one.address}</span>
          {one.next_attempt && new Date(one.next_attempt).getTime() > Date.now() ? <When iso={one.next_attempt} /> : <span>{t("now")}</span>}
        </p>
        {one.reason ? <p dir="auto">{one.reason}</p> : null}
      </div>
    </li>
  );
}

function Mail({ mail }: { mail: TracedMail }): VNode {
  const accepted: TraceEvent = { time: mail.time, what: "accepted", address: "", detail: [originText(mail.origin), mail.source].filter(Boolean).join(": "), next_attempt: null, other: null };
  return (
    <section class="card way" aria-label={t("Mail {id}", { id: String(mail.id) })}>
      <header class="way-title">
        <h2>{t("Mail {id}", { id: String(mail.id) })}</h2>
        {mail.waiting.length ? (
          <a class="way-queue" href={sectionHref("queue")}>
            <Tag kind="warn">{t("In the queue")}</Tag>
          </a>
        ) : null}
        <p>
          <span dir="ltr">{t("from {sender}", { sender: mail.from })}</span> · {fileSize(mail.size)}
        </p>
        {mail.message_id ? (
          <p class="mono way-id" dir="ltr">
            {`<${mail.message_id}>`}
          </p>
        ) : null}
      </header>
      <ol class="way-lines">
        <Line event={accepted} />
        {mail.events.map((event, at) => (
          <Line key={at} event={event} />
        ))}
        {mail.waiting.map((one) => (
          <Now key={one.address} one={one} />
        ))}
      </ol>
    </section>
  );
}

export function WayOf({ name }: { name: string }): VNode {
  const loaded = useLoaded(() => call<Way>("trace", { mail: name }), SECONDS);
  const way = loaded.data.value;
  return (
    <>
      <Failure loaded={loaded} />
      {!way && loaded.failure.value === null ? <Skeleton /> : null}
      {way?.mails.map((mail) => (
        <Mail key={mail.id} mail={mail} />
      ))}
      {way?.cut ? <p class="notice notice-warn">{t("There is more than is shown.")}</p> : null}
    </>
  );
}
