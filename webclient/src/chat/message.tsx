/** One run of messages of one person, with time and what became of one's own. */
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { clockTime, longDate } from "../core/format.js";
import { t } from "../core/i18n.js";
import { piecesOf } from "../mail/text.js";
import { Icon } from "../ui/icon.js";
import { memo } from "../ui/memo.js";
import { useChat } from "./context.js";
import type { Conversation } from "./conversation.js";
import { isEmoji, type Run } from "./grouping.js";
import type { Delivery, Entry } from "./timeline.js";

function Text({ text }: { text: string }): VNode {
  const pieces = useMemo(() => piecesOf(text), [text]);
  return (
    <>
      {pieces.map((piece, index) =>
        piece.href === undefined ? (
          piece.text
        ) : (
          <a key={index} href={piece.href} target="_blank" rel="noopener noreferrer" title={piece.href}>
            {piece.text}
          </a>
        ),
      )}
    </>
  );
}

function deliveryText(delivery: Delivery): string {
  const words: Record<Delivery, string> = {
    waiting: t("Waiting for the connection"),
    sending: t("Being sent"),
    recorded: t("Sent and recorded"),
    delivered: t("Delivered"),
    failed: t("Not sent"),
  };
  return words[delivery];
}

function DeliveryMark({ delivery }: { delivery: Delivery }): VNode {
  const icon = { waiting: "clock", sending: "clock", recorded: "check", delivered: "checks", failed: "warning" } as const;
  const text = deliveryText(delivery);
  return (
    <span class={`delivery delivery-${delivery}`} role="img" aria-label={text} title={text}>
      <Icon name={icon[delivery]} size={14} />
    </span>
  );
}

function Failure({ conversation, entry }: { conversation: Conversation; entry: Entry }): VNode {
  const { outbox } = useChat();
  return (
    <p class="bubble-failure">
      <span dir="auto">{entry.error ?? t("Not sent.")}</span>{" "}
      <button type="button" class="link-button" onClick={() => outbox.retry(conversation, entry)}>
        {t("Send again")}
      </button>{" "}
      <button type="button" class="link-button" onClick={() => conversation.remove(entry.key)}>
        {t("Discard")}
      </button>
    </p>
  );
}

const Bubble = memo(function Bubble({ conversation, entry }: { conversation: Conversation; entry: Entry }): VNode {
  const emoji = !entry.subject && isEmoji(entry.body);
  const iso = new Date(entry.time).toISOString();
  return (
    <>
      <div class={`bubble${emoji ? " bubble-emoji" : ""}${entry.delivery === "failed" ? " bubble-failed" : ""}`} title={longDate(iso)}>
        {entry.subject ? (
          <strong class="bubble-subject" dir="auto">
            {entry.subject}
          </strong>
        ) : null}
        <span class="bubble-text" dir="auto">
          <Text text={entry.body} />
        </span>
      </div>
      {entry.delivery === "failed" ? <Failure conversation={conversation} entry={entry} /> : null}
    </>
  );
});

/** `lingering`: what is still to happen to the last message, in words. */
export const RunView = memo(function RunView({ conversation, run, name, lingering }: { conversation: Conversation; run: Run; name: string; lingering: string }): VNode {
  const last = run.entries.at(-1);
  const iso = last ? new Date(last.time).toISOString() : "";
  const late = run.entries.some((entry) => entry.late);
  return (
    <div class={`run ${run.mine ? "run-mine" : "run-theirs"}${run.headline ? " run-headline" : ""}`}>
      <span class="visually-hidden">{run.mine ? t("You:") : t("{name}:", { name })}</span>
      {run.entries.map((entry) => (
        <Bubble key={entry.key} conversation={conversation} entry={entry} />
      ))}
      <p class="run-foot">
        {run.headline ? <span class="run-kind">{t("Announcement")}</span> : null}
        <time dateTime={iso} title={longDate(iso)}>
          {clockTime(iso)}
        </time>
        {late ? <span>{t("sent while you were away")}</span> : null}
        {lingering ? <span>{lingering}</span> : null}
        {last?.delivery ? <DeliveryMark delivery={last.delivery} /> : null}
      </p>
    </div>
  );
});
