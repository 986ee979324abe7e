/** Mail that is not yet where it belongs: why it waits, and deciding what becomes of it. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { fileSize } from "../core/format.js";
import { t, tn } from "../core/i18n.js";
import { Button } from "../ui/button.js";
import { EmptyState } from "../ui/empty.js";
import { Icon } from "../ui/icon.js";
import { MenuButton, type MenuEntry } from "../ui/menu.js";
import { call, useLoaded } from "./api.js";
import { Cell, Failure, Head, Skeleton, TableCard, Tag, When } from "./parts.js";
import { hold, release, remove, retry, retryAll } from "./queue-acts.js";
import { NextAttempt, openMail } from "./queue-mail.js";
import { listArguments, MOST, recipientsText, STEP, type QueueRow } from "./queue-model.js";
import { sectionHref } from "./sections.js";

const SECONDS = 5;

type Reload = () => Promise<void>;

function StateTag({ row }: { row: QueueRow }): VNode {
  if (row.state === "held") return <Tag kind="bad">{t("Held")}</Tag>;
  if (row.state === "partly held") return <Tag kind="bad">{t("Partly held")}</Tag>;
  return <Tag kind={row.reason ? "warn" : "plain"}>{row.reason ? t("Waiting") : t("Under way")}</Tag>;
}

function entries(row: QueueRow, reload: Reload): MenuEntry[] {
  const held = row.state !== "waiting";
  return [
    { label: t("Show"), icon: "mail", run: () => openMail(row) },
    { label: t("Its way so far"), icon: "search", run: () => location.assign(sectionHref("trace", String(row.id))) },
    "separator",
    held && { label: t("Let it go"), icon: "play", run: () => void release(row, reload) },
    row.state !== "held" && { label: t("Try now"), icon: "refresh", run: () => void retry(row, reload) },
    row.state !== "held" && { label: t("Hold…"), icon: "lock", run: () => void hold(row, reload) },
    { label: t("Remove…"), icon: "trash", danger: true, run: () => void remove(row, reload) },
  ];
}

function Row({ row, reload }: { row: QueueRow; reload: Reload }): VNode {
  const to = recipientsText(row, (names, n) => tn("{names} and 1 more", "{names} and {n} more", n, { names }));
  return (
    <tr>
      <Cell label={t("Mail")} class="cell-main">
        <button type="button" class="queue-mail" onClick={() => openMail(row)}>
          <span class="queue-id">{t("Mail {id}", { id: String(row.id) })}</span>
          <strong dir="ltr">{to}</strong>
          <span dir="ltr">
            {t("from {sender}", { sender: row.from })} · {fileSize(row.size)}
          </span>
        </button>
      </Cell>
      <Cell label={t("State")}>
        <StateTag row={row} />
      </Cell>
      <Cell label={t("Next attempt")}>
        <NextAttempt iso={row.next_attempt} />
      </Cell>
      <Cell label={t("Reason")} class="cell-error">
        {row.reason ? (
          <span class="queue-brief" dir="auto">
            {row.reason}
          </span>
        ) : (
          "–"
        )}
      </Cell>
      <Cell label={t("Accepted")}>
        <When iso={row.received} />
      </Cell>
      <td class="cell-menu">
        <MenuButton label={t("Menu of mail {id}", { id: String(row.id) })} items={() => entries(row, reload)}>
          <Icon name="more" />
        </MenuButton>
      </td>
    </tr>
  );
}

function Table({ rows, reload }: { rows: readonly QueueRow[]; reload: Reload }): VNode {
  const names = [t("Mail"), t("State"), t("Next attempt"), t("Reason"), t("Accepted")];
  return (
    <TableCard names={names} acts={t("Menu")}>
      {rows.map((row) => (
        <Row key={row.id} row={row} reload={reload} />
      ))}
    </TableCard>
  );
}

function noteOf(rows: readonly QueueRow[], more: boolean): string {
  const held = rows.filter((row) => row.state !== "waiting").length;
  const count = more ? t("more than {n} mails", { n: rows.length }) : tn("1 mail", "{n} mails", rows.length);
  return t("{mails}, {held}", { mails: count, held: held ? tn("1 held", "{n} held", held) : t("none held") });
}

export function QueuePage(): VNode {
  const onlyHeld = useSignal(false);
  const wanted = useSignal(STEP);
  const loaded = useLoaded(() => call<QueueRow[]>("queue.list", listArguments(wanted.value, onlyHeld.value)), SECONDS);
  const found = loaded.data.value;
  const rows = found?.slice(0, wanted.value);
  const more = (found?.length ?? 0) > wanted.value;
  const show = (change: () => void): void => {
    change();
    void loaded.reload();
  };
  return (
    <>
      <Head title={t("Queue")} note={rows ? noteOf(rows, more) : undefined}>
        <span class="admin-live">{t("Refreshed every {n} seconds", { n: SECONDS })}</span>
        <label class="queue-held">
          <input type="checkbox" class="switch" checked={onlyHeld.value} onChange={(event) => show(() => (onlyHeld.value = event.currentTarget.checked))} />
          <span>{t("Only what is held")}</span>
        </label>
        <Button icon="refresh" disabled={!rows?.length} onClick={() => void retryAll(loaded.reload)}>
          {t("Try all now")}
        </Button>
      </Head>
      <Failure loaded={loaded} />
      {!rows && loaded.failure.value === null ? <Skeleton /> : null}
      {rows && !rows.length ? <EmptyState icon="check" title={onlyHeld.value ? t("Nothing is held") : t("Nothing waits")} text={t("Every mail is where it belongs.")} /> : null}
      {rows?.length ? <Table rows={rows} reload={loaded.reload} /> : null}
      {more && wanted.value < MOST - STEP ? (
        <div class="queue-more">
          <Button busy={loaded.busy.value} onClick={() => show(() => (wanted.value += STEP))}>
            {t("More")}
          </Button>
        </div>
      ) : null}
    </>
  );
}
