/** Whether the record is whole, and the signed checkpoint that proves it to others. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { explain } from "../core/http.js";
import { t, tn } from "../core/i18n.js";
import { Button } from "../ui/button.js";
import { Icon } from "../ui/icon.js";
import { toast, toastError } from "../ui/toast.js";
import { call } from "./api.js";

interface Report {
  readonly sound: boolean;
  readonly size: number;
  readonly root: string;
  readonly erased: number;
  readonly checkpoints: number;
  readonly covered: number;
  readonly problems: readonly string[];
}
interface Checkpoint {
  readonly size: number;
  readonly root: string;
  readonly note: string;
}

function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function Verdict({ report }: { report: Report }): VNode {
  return (
    <div class={report.sound ? "verdict verdict-sound" : "verdict verdict-broken"} role="status">
      <Icon name={report.sound ? "check" : "warning"} size={22} />
      <div>
        <strong>{report.sound ? t("The record is sound.") : t("The record is NOT sound.")}</strong>
        <p>
          {tn("1 entry", "{n} entries", report.size)}, {t("{n} of them under a signed checkpoint", { n: report.covered })}
          {report.erased ? `, ${tn("1 with erased content", "{n} with erased content", report.erased)}` : ""}.
        </p>
        {report.problems.length ? (
          <ul class="problems">
            {report.problems.map((problem) => (
              <li key={problem}>{problem}</li>
            ))}
          </ul>
        ) : null}
        <p class="mono root" dir="ltr" title={t("Root of the Merkle tree")}>
          {report.root}
        </p>
      </div>
    </div>
  );
}

function CheckpointView({ checkpoint }: { checkpoint: Checkpoint }): VNode {
  const copy = (): void => {
    navigator.clipboard.writeText(checkpoint.note).then(
      () => void toast({ text: t("Copied.") }),
      () => toastError(t("The browser does not allow copying here.")),
    );
  };
  return (
    <div class="checkpoint">
      <p>{t("Keep this outside of the server: with it a later check shows whether anything before it was changed or removed.")}</p>
      <pre dir="ltr" tabIndex={0}>
        {checkpoint.note}
      </pre>
      <div class="checkpoint-acts">
        <Button icon="file" onClick={copy}>
          {t("Copy")}
        </Button>
        <Button icon="download" onClick={() => download(`checkpoint-${checkpoint.size}.txt`, checkpoint.note)}>
          {t("Download")}
        </Button>
      </div>
    </div>
  );
}

export function Proof(): VNode {
  const report = useSignal<Report | null>(null);
  const checkpoint = useSignal<Checkpoint | null>(null);
  const busy = useSignal("");
  const failure = useSignal<string | null>(null);
  const run = async (what: "verify" | "checkpoint"): Promise<void> => {
    busy.value = what;
    failure.value = null;
    try {
      if (what === "verify") report.value = await call<Report>("record.verify");
      else checkpoint.value = await call<Checkpoint>("record.checkpoint");
    } catch (error) {
      failure.value = explain(error);
    }
    busy.value = "";
  };
  return (
    <section class="card proof" aria-label={t("Proof")}>
      <div class="proof-acts">
        <Icon name="shield" />
        <p>{t("Entries are chained and signed, so that changes do not go unseen.")}</p>
        <Button icon="check" busy={busy.value === "verify"} disabled={busy.value !== ""} onClick={() => void run("verify")}>
          {t("Verify record")}
        </Button>
        <Button busy={busy.value === "checkpoint"} disabled={busy.value !== ""} onClick={() => void run("checkpoint")}>
          {t("Checkpoint")}
        </Button>
      </div>
      {failure.value ? (
        <p class="notice notice-warn" role="alert">
          {failure.value}
        </p>
      ) : null}
      {report.value ? <Verdict report={report.value} /> : null}
      {checkpoint.value ? <CheckpointView checkpoint={checkpoint.value} /> : null}
    </section>
  );
}
