/** One line of the record, with what became of it, and everything else behind it. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { locale, t } from "../core/i18n.js";
import { Icon } from "../ui/icon.js";
import { Tag } from "./parts.js";
import type { Kind, RecordRow } from "./record-query.js";

export function kindText(kind: Kind): string {
  const words: Record<Kind, string> = {
    message: t("Message"),
    presence: t("Presence"),
    subscription: t("Subscription"),
    login: t("Sign-in"),
    logout: t("Sign-out"),
    refusal: t("Refusal"),
    operation: t("Administration"),
    disposition: t("Disposition"),
  };
  return words[kind];
}

/** Date and time to the second: the record is about what happened when. */
function exact(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  return new Intl.DateTimeFormat(locale.value, { dateStyle: "medium", timeStyle: "medium" }).format(date);
}

function dispositionKind(text: string): "good" | "warn" | "bad" {
  if (/bounced|refused/.test(text)) return "bad";
  return /delivered/.test(text) ? "good" : "warn";
}

/** What stands for the text of entries that have none. */
function summary({ kind, details }: RecordRow): string {
  const fact = (name: string): string => (typeof details?.[name] === "string" ? details[name] : "");
  switch (kind) {
    case "message":
      return t("no text: a receipt or the like");
    case "presence":
      return fact("show") || fact("type");
    case "subscription":
      return fact("type");
    case "login":
      return [fact("protocol"), fact("peer"), fact("resource")].filter(Boolean).join(" · ");
    case "logout":
      return [fact("resource"), fact("reason")].filter(Boolean).join(" · ");
    default:
      return "";
  }
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The names of facts as the record has them, for people; others stand as they are. */
function factName(name: string): string {
  const words: Readonly<Record<string, string>> = {
    by: t("Done by"),
    origin: t("Origin"),
    peer: t("From address"),
    protocol: t("Protocol"),
    reason: t("Reason"),
    resource: t("Resource"),
    show: t("Show"),
    tls: t("Encryption"),
    type: t("Type"),
  };
  return words[name] ?? name;
}

function Details({ row }: { row: RecordRow }): VNode {
  // The details have the full addresses, with resources, of what the row has shortened.
  const { from, to, ...rest } = row.details ?? {};
  const facts: (readonly [string, string])[] = [
    [t("Number"), row.id],
    [t("Time"), row.time],
    [t("From"), from === undefined ? row.from : shown(from)],
    [t("To"), to === undefined ? row.to : shown(to)],
    ...(row.refers === null || row.refers === undefined ? [] : [[t("About number"), String(row.refers)] as const]),
    ...Object.entries(rest).map(([name, value]) => [factName(name), shown(value)] as const),
    [t("What became of it"), row.disposition],
  ];
  return (
    <dl class="leaf-details">
      {facts.map(([name, value]) =>
        value ? (
          <div key={name}>
            <dt>{name}</dt>
            <dd dir="auto">{value}</dd>
          </div>
        ) : null,
      )}
    </dl>
  );
}

export function Leaf({ row }: { row: RecordRow }): VNode {
  const [open, setOpen] = useState(false);
  return (
    <li class={`leaf leaf-${row.kind}`}>
      <button type="button" class="leaf-head" aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name={open ? "down" : "right"} size={16} />
        <time dateTime={row.time}>{exact(row.time)}</time>
        {row.kind === "message" ? null : <Tag kind={row.kind === "refusal" ? "bad" : "plain"}>{kindText(row.kind)}</Tag>}
        <span class="leaf-people" dir="ltr">
          {row.from || "–"}
          {row.to ? (
            <>
              {" → "}
              {row.to}
            </>
          ) : null}
        </span>
      </button>
      <p class="leaf-body" dir="auto">
        {row.erased ? <em>{t("The content has been erased; its place in the record is kept.")}</em> : row.body || <span class="leaf-summary">{summary(row)}</span>}
      </p>
      {row.disposition ? <span class={`leaf-became became-${dispositionKind(row.disposition)}`}>{row.disposition}</span> : null}
      {open ? <Details row={row} /> : null}
    </li>
  );
}
