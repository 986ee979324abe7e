/** What an administrator wants to know first: is all well, who is there. */
import type { VNode } from "preact";
import { formatNumber, t, tn } from "../core/i18n.js";
import { Button } from "../ui/button.js";
import { Icon, type IconName } from "../ui/icon.js";
import { call, isFailing, useLoaded, type BoxRow, type ConnectionRow, type Finding, type Loaded, type User } from "./api.js";
import { Failure, Head, Skeleton } from "./parts.js";
import { listArguments, STEP, type QueueRow } from "./queue-model.js";
import { type Section, sectionHref } from "./sections.js";

const SECONDS = 15;

interface Checked {
  readonly ok: boolean;
  readonly findings: readonly Finding[];
}

function Figure({ to, icon, title, value, note, bad }: { to: Section; icon: IconName; title: string; value: number | null; note: string; bad?: boolean }): VNode {
  return (
    <a class="card figure" href={sectionHref(to)}>
      <span class="figure-icon">
        <Icon name={icon} />
      </span>
      <span class="figure-title">{title}</span>
      <span class="figure-value">{value === null ? "–" : formatNumber(value)}</span>
      <span class={bad ? "figure-note figure-bad" : "figure-note"}>{note}</span>
    </a>
  );
}

function Checks({ checked }: { checked: Loaded<Checked> }): VNode {
  const data = checked.data.value;
  const worst = data?.findings.filter((item) => item.state !== "good") ?? [];
  const good = data?.findings.filter((item) => item.state === "good") ?? [];
  return (
    <section class="card checks" aria-labelledby="checks">
      <header class="list-card-head">
        <h2 id="checks">{t("Health")}</h2>
        <Button icon="refresh" busy={checked.busy.value} onClick={() => void checked.reload()}>
          {t("Check again")}
        </Button>
      </header>
      <Failure loaded={checked} />
      {data ? (
        <>
          <ul>
            {worst.map((item) => (
              <li key={item.what + item.detail} class={`finding finding-${item.state}`}>
                <Icon name="warning" size={18} />
                <span>
                  <strong>{item.what}</strong> <span dir="auto">{item.detail}</span>
                </span>
              </li>
            ))}
          </ul>
          <details class="findings-good" open={!worst.length}>
            <summary>{tn("1 thing is well", "{n} things are well", good.length)}</summary>
            <ul>
              {good.map((item) => (
                <li key={item.what + item.detail} class="finding finding-good">
                  <Icon name="check" size={18} />
                  <span>
                    <strong>{item.what}</strong> <span dir="auto">{item.detail}</span>
                  </span>
                </li>
              ))}
            </ul>
          </details>
        </>
      ) : checked.failure.value ? null : (
        <Skeleton />
      )}
    </section>
  );
}

export function Overview(): VNode {
  const users = useLoaded(() => call<User[]>("user.list"));
  const connections = useLoaded(() => call<ConnectionRow[]>("im.connections"), SECONDS);
  const boxes = useLoaded(() => call<BoxRow[]>("multipop.status"), SECONDS);
  const queue = useLoaded(() => call<QueueRow[]>("queue.list", listArguments(STEP, false)), SECONDS);
  const checked = useLoaded(() => call<Checked>("check"));
  const all = users.data.value;
  const rows = connections.data.value;
  const failing = boxes.data.value?.filter(isFailing).length ?? 0;
  const disabled = all?.filter((user) => !user.enabled).length ?? 0;
  const people = new Set(rows?.map((row) => row.jid.split("/")[0])).size;
  const waiting = queue.data.value;
  const held = waiting?.filter((row) => row.state !== "waiting").length ?? 0;
  const queueNote = (waiting?.length ?? 0) > STEP ? t("and more") : held ? tn("1 held", "{n} held", held) : t("none held");
  const failures = [users, connections, boxes, queue].filter((item) => item.failure.value !== null);
  return (
    <>
      <Head title={t("Overview")} />
      {failures[0] ? <Failure loaded={failures[0]} /> : null}
      <div class="figures">
        <Figure to="users" icon="user" title={t("Accounts")} value={all?.length ?? null} note={disabled ? tn("1 shut out", "{n} shut out", disabled) : t("all active")} />
        <Figure to="connections" icon="chat" title={t("Connections")} value={rows?.length ?? null} note={tn("1 person", "{n} people", people)} />
        <Figure to="queue" icon="clock" title={t("Queue")} value={waiting ? Math.min(waiting.length, STEP) : null} note={queueNote} bad={held > 0} />
        <Figure to="multipop" icon="collect" title={t("Collected mailboxes")} value={boxes.data.value?.length ?? null} note={failing ? tn("1 fails", "{n} fail", failing) : t("none fails")} bad={failing > 0} />
        <a class="card figure" href={sectionHref("record")}>
          <span class="figure-icon">
            <Icon name="shield" />
          </span>
          <span class="figure-title">{t("Record")}</span>
          <span class="figure-note">{t("Search and verify")}</span>
        </a>
      </div>
      <Checks checked={checked} />
    </>
  );
}
