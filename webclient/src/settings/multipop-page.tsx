/** The collected mailboxes: each with its state, its last and next run, and what went wrong. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { fileSize, longDate, relativeTime } from "../core/format.js";
import { explain } from "../core/http.js";
import { t, tn } from "../core/i18n.js";
import { Button } from "../ui/button.js";
import { confirmDialog } from "../ui/dialog.js";
import { EmptyState } from "../ui/empty.js";
import { Icon } from "../ui/icon.js";
import { MenuButton, type MenuEntry } from "../ui/menu.js";
import { toast, toastError } from "../ui/toast.js";
import { openBoxDialog } from "./multipop-dialog.js";
import { MultipopModel, type Box } from "./multipop-model.js";

function stateText(box: Box): string {
  const words = {
    idle: t("Ready"),
    running: t("Collecting…"),
    waiting: t("Failed, will try again"),
    failed: t("Failed"),
    disabled: t("Switched off"),
  };
  return box.enabled ? words[box.state] : words.disabled;
}

function tlsText(box: Box): string {
  return { tls: t("TLS"), stls: t("STLS"), none: t("not encrypted") }[box.tls];
}

function When({ iso }: { iso: string | null }): VNode {
  return iso ? (
    <time dateTime={iso} title={longDate(iso)}>
      {relativeTime(iso)}
    </time>
  ) : (
    <>{t("never")}</>
  );
}

function Facts({ box }: { box: Box }): VNode {
  return (
    <dl class="box-facts">
      <div>
        <dt>{t("Last run")}</dt>
        <dd>
          <When iso={box.last_run} />
        </dd>
      </div>
      <div>
        <dt>{t("Last success")}</dt>
        <dd>
          <When iso={box.last_success} />
        </dd>
      </div>
      <div>
        <dt>{t("Next run")}</dt>
        <dd>{box.enabled && box.next_run ? <When iso={box.next_run} /> : t("none")}</dd>
      </div>
      <div>
        <dt>{t("Collected")}</dt>
        <dd>{tn("1 message", "{n} messages", box.collected)}</dd>
      </div>
    </dl>
  );
}

async function attempt(run: () => Promise<unknown>, failed: string): Promise<void> {
  try {
    await run();
  } catch (error) {
    toastError(`${failed} ${explain(error)}`);
  }
}

async function remove(model: MultipopModel, box: Box): Promise<void> {
  const yes = await confirmDialog({
    title: t("Remove this mailbox?"),
    text: t("{user} at {host} is no longer collected. Mail that is here stays here, mail that is there stays there.", { user: box.user, host: box.host }),
    yes: t("Remove"),
    danger: true,
  });
  if (yes) await attempt(() => model.remove(box.id), t("The mailbox could not be removed."));
}

async function testBox(model: MultipopModel, box: Box): Promise<void> {
  await attempt(async () => {
    const result = await model.test(box.id);
    const found = tn("1 message", "{n} messages", result.messages);
    if (result.ok) toast({ text: t("{host}: signed in, {found}, {size}", { host: box.host, found, size: fileSize(result.octets) }) });
    else toastError(`${box.host}: ${result.detail}`);
  }, t("The test could not be made."));
}

function entries(model: MultipopModel, box: Box): MenuEntry[] {
  const failed = t("The change could not be saved.");
  return [
    { label: t("Collect now"), icon: "collect", disabled: !box.enabled || box.state === "running", run: () => void attempt(() => model.collect(box.id), t("The run could not be started.")) },
    { label: t("Test"), icon: "play", run: () => void testBox(model, box) },
    { label: t("Edit"), icon: "edit", run: () => openBoxDialog(model, box) },
    box.enabled
      ? { label: t("Switch off"), icon: "close", run: () => void attempt(() => model.setEnabled(box.id, false), failed) }
      : { label: t("Switch on"), icon: "check", run: () => void attempt(() => model.setEnabled(box.id, true), failed) },
    "separator",
    { label: t("Remove"), icon: "trash", danger: true, run: () => void remove(model, box) },
  ];
}

function BoxCard({ model, box }: { model: MultipopModel; box: Box }): VNode {
  const state = box.enabled ? box.state : "disabled";
  return (
    <li class={`card box box-${state}`}>
      <header class="box-head">
        <span class="box-icon">
          <Icon name="collect" />
        </span>
        <div class="box-name">
          <h2 dir="ltr">{box.user}</h2>
          <p dir="ltr">
            {box.host}:{box.port} · {tlsText(box)} · {box.leave ? t("mail is left there") : t("mail is removed there")}
          </p>
        </div>
        <span class={`state state-${state}`} role="status">
          {state === "running" ? <span class="spinner" aria-hidden="true" /> : <span class="state-dot" aria-hidden="true" />}
          {stateText(box)}
        </span>
        <MenuButton label={t("Menu of {user}", { user: box.user })} items={() => entries(model, box)}>
          <Icon name="more" />
        </MenuButton>
      </header>
      {box.last_error && box.enabled && box.failures > 0 ? (
        <p class="notice notice-warn">
          <Icon name="warning" size={18} />
          <span>
            <span dir="auto">{box.last_error}</span>{" "}
            <span class="box-tries">{tn("Tried once.", "Tried {n} times.", box.failures)}</span>
          </span>
        </p>
      ) : null}
      <Facts box={box} />
      {box.pending_deletes ? (
        <p class="box-note">{tn("1 message is collected and still to be removed there.", "{n} messages are collected and still to be removed there.", box.pending_deletes)}</p>
      ) : null}
    </li>
  );
}

function Boxes({ model }: { model: MultipopModel }): VNode {
  const boxes = model.boxes.value;
  if (!boxes && model.failure.value) {
    return (
      <EmptyState icon="warning" title={t("The mailboxes could not be loaded")} text={model.failure.value}>
        <Button icon="refresh" onClick={() => void model.load()}>
          {t("Try again")}
        </Button>
      </EmptyState>
    );
  }
  if (!boxes) return <div class="skeleton box-skeleton" aria-hidden="true" />;
  if (!boxes.length) {
    return (
      <div class="card">
        <EmptyState icon="collect" title={t("No mailbox is collected yet")} text={t("Mail from your accounts elsewhere can be fetched by POP3 and read here.")}>
          <Button kind="primary" icon="plus" onClick={() => openBoxDialog(model, null)}>
            {t("Add a mailbox")}
          </Button>
        </EmptyState>
      </div>
    );
  }
  return (
    <ul class="boxes">
      {boxes.map((box) => (
        <BoxCard key={box.id} model={model} box={box} />
      ))}
    </ul>
  );
}

export function MultipopPage(): VNode {
  const model = useMemo(() => new MultipopModel(), []);
  const asking = useSignal(false);
  useEffect(() => {
    model.start();
    return () => model.stop();
  }, [model]);
  const collect = async (): Promise<void> => {
    asking.value = true;
    await attempt(() => model.collect(), t("The run could not be started."));
    asking.value = false;
  };
  const some = (model.boxes.value ?? []).some((box) => box.enabled);
  return (
    <>
      <div class="page-bar">
        <p>{t("Mailboxes elsewhere whose mail is fetched into your inbox (MultiPOP).")}</p>
        {model.boxes.value?.length ? (
          <>
            <Button icon="plus" onClick={() => openBoxDialog(model, null)}>
              {t("Add")}
            </Button>
            <Button kind="primary" icon="collect" busy={model.running.value || asking.value} disabled={!some} onClick={() => void collect()}>
              {model.running.value ? t("Collecting…") : t("Collect now")}
            </Button>
          </>
        ) : null}
      </div>
      {model.enabled.value ? null : (
        <p class="notice notice-warn">
          <Icon name="info" size={18} />
          <span>{t("Collecting is switched off on this server. Ask the administrator.")}</span>
        </p>
      )}
      <Boxes model={model} />
    </>
  );
}
