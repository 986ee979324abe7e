/** One mail of the queue in a dialog: where it comes from, and each recipient it still is for. */
import type { VNode } from "preact";
import { fileSize, longDate } from "../core/format.js";
import { t, tn } from "../core/i18n.js";
import { Button } from "../ui/button.js";
import { DialogBody, openDialog } from "../ui/dialog.js";
import { call, useLoaded } from "./api.js";
import { Failure, Skeleton, Tag, When } from "./parts.js";
import { isDue, type QueueMail, type QueueRecipient, type QueueRow } from "./queue-model.js";
import { sectionHref } from "./sections.js";

const SECONDS = 5;

export function NextAttempt({ iso }: { iso: string | null }): VNode {
  if (iso === null) return <>–</>;
  return isDue(iso) ? <>{t("now")}</> : <When iso={iso} />;
}

function Recipient({ one }: { one: QueueRecipient }): VNode {
  return (
    <li class="queue-recipient">
      <strong dir="ltr">{one.address}</strong>
      {one.state === "held" ? <Tag kind="bad">{t("Held")}</Tag> : <Tag kind={one.attempts ? "warn" : "plain"}>{tn("1 attempt", "{n} attempts", one.attempts)}</Tag>}
      {one.next_attempt ? (
        <span>
          {t("Next attempt:")} <NextAttempt iso={one.next_attempt} />
        </span>
      ) : null}
      {one.reason ? (
        <p dir="auto" class="queue-reason">
          {one.reason}
        </p>
      ) : null}
    </li>
  );
}

function Facts({ mail }: { mail: QueueMail }): VNode {
  const facts: (readonly [string, string])[] = [
    [t("From"), mail.from],
    [t("Subject"), mail.subject],
    [t("Accepted"), longDate(mail.received)],
    [t("By"), `${mail.origin} · ${mail.source}`],
    [t("Message-ID"), mail.message_id],
    [t("Size"), fileSize(mail.size)],
  ];
  return (
    <dl class="leaf-details queue-facts">
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

function Mail({ row, done }: { row: QueueRow; done: () => void }): VNode {
  const id = String(row.id);
  const loaded = useLoaded(() => call<QueueMail>("queue.show", { id }), SECONDS);
  const mail = loaded.data.value;
  const trace = (): void => {
    done();
    location.assign(sectionHref("trace", id));
  };
  return (
    <DialogBody
      title={t("Mail {id}", { id })}
      wide
      onClose={done}
      onSubmit={done}
      footer={
        <>
          <Button icon="search" onClick={trace}>
            {t("Its way so far")}
          </Button>
          <Button kind="primary" type="submit">
            {t("Close")}
          </Button>
        </>
      }
    >
      <Failure loaded={loaded} />
      {mail ? (
        <>
          <Facts mail={mail} />
          <ul class="queue-recipients" aria-label={t("Recipients")}>
            {mail.recipients.map((one) => (
              <Recipient key={one.address} one={one} />
            ))}
          </ul>
        </>
      ) : loaded.failure.value === null ? (
        <Skeleton />
      ) : null}
    </DialogBody>
  );
}

export function openMail(row: QueueRow): void {
  openDialog((done) => <Mail row={row} done={done} />);
}
