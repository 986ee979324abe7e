/** The outside mailboxes of everybody, and how collecting them goes. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { t, tn } from "../core/i18n.js";
import { Button, IconButton } from "../ui/button.js";
import { EmptyState } from "../ui/empty.js";
import { attempt, call, isFailing, useLoaded, type BoxRow } from "./api.js";
import { Cell, Failure, Head, Skeleton, TableCard, Tag, When } from "./parts.js";

const SECONDS = 4;

function StateTag({ row }: { row: BoxRow }): VNode {
  if (!row.enabled) return <Tag kind="plain">{t("Switched off")}</Tag>;
  switch (row.state) {
    case "failed":
    case "waiting":
      return <Tag kind="bad">{tn("Failed once", "Failed {n} times", Math.max(1, row.failures))}</Tag>;
    case "running":
      return <Tag kind="warn">{t("Collecting…")}</Tag>;
    default:
      return <Tag kind="good">{t("Ready")}</Tag>;
  }
}

function Row({ row, run, busy }: { row: BoxRow; run: (address: string) => void; busy: boolean }): VNode {
  return (
    <tr>
      <Cell label={t("Box")} class="cell-main">
        <span class="person-words" dir="ltr">
          <strong>{row.address}</strong>
          <span>
            {row.user} · {row.host}:{row.port}
          </span>
        </span>
      </Cell>
      <Cell label={t("State")}>
        <StateTag row={row} />
      </Cell>
      <Cell label={t("Last run")}>
        <When iso={row.last_run} />
      </Cell>
      <Cell label={t("Last success")}>
        <When iso={row.last_success} />
      </Cell>
      <Cell label={t("Next run")}>{row.enabled ? <When iso={row.next_run} never={t("none")} /> : t("none")}</Cell>
      <Cell label={t("Collected")}>{row.collected}</Cell>
      <Cell label={t("Last error")} class="cell-error">
        {row.last_error && row.failures ? <span dir="auto">{row.last_error}</span> : "–"}
      </Cell>
      <td class="cell-menu">
        <IconButton icon="collect" label={t("Collect for {address} now", { address: row.address })} disabled={busy || !row.enabled} onClick={() => run(row.address)} />
      </td>
    </tr>
  );
}

export function Multipop(): VNode {
  const loaded = useLoaded(() => call<BoxRow[]>("multipop.status"), SECONDS);
  const busy = useSignal(false);
  const rows = loaded.data.value;
  const run = async (address?: string): Promise<void> => {
    busy.value = true;
    await attempt(t("The run failed."), () => call("multipop.run", { address }));
    busy.value = false;
    await loaded.reload();
  };
  const failed = (rows ?? []).filter((row) => isFailing(row)).length;
  const note = rows ? t("{boxes}, {failed}", { boxes: tn("1 box", "{n} boxes", rows.length), failed: failed ? tn("1 fails", "{n} fail", failed) : t("none fails") }) : undefined;
  const names = [t("Box"), t("State"), t("Last run"), t("Last success"), t("Next run"), t("Collected"), t("Last error")];
  return (
    <>
      <Head title={t("MultiPOP")} note={rows?.length ? note : undefined}>
        <Button kind="primary" icon="collect" busy={busy.value} disabled={!rows?.some((row) => row.enabled)} onClick={() => void run()}>
          {busy.value ? t("Collecting…") : t("Collect all now")}
        </Button>
      </Head>
      <Failure loaded={loaded} />
      {!rows ? <Skeleton /> : null}
      {rows && !rows.length ? <EmptyState icon="collect" title={t("Nobody collects mail from outside")} text={t("Everybody sets this up in their own settings; the command line can do it for them.")} /> : null}
      {rows?.length ? (
        <TableCard names={names} acts={t("Collect")}>
          {rows.map((row) => (
            <Row key={row.id} row={row} busy={busy.value || row.state === "running"} run={(address) => void run(address)} />
          ))}
        </TableCard>
      ) : null}
    </>
  );
}
