/** Trying the rules on a mail that is pasted or uploaded; nothing is done. */
import { useSignal, type Signal } from "@preact/signals";
import type { VNode } from "preact";
import { fileSize } from "../core/format.js";
import { explain } from "../core/http.js";
import { t } from "../core/i18n.js";
import { Button } from "../ui/button.js";
import { Icon } from "../ui/icon.js";
import { call } from "./api.js";
import { base64, MAX_OCTETS, octetsOf, type TestedRule, type TestResult } from "./filter-model.js";
import { Problems, RuleTitle } from "./filter-parts.js";
import { Tag } from "./parts.js";

interface Form {
  readonly file: File | null;
  readonly pasted: string;
  readonly sender: string;
  readonly recipient: string;
  readonly remote: boolean;
}

const EMPTY: Form = { file: null, pasted: "", sender: "", recipient: "", remote: false };

async function test(form: Form): Promise<TestResult> {
  const octets = form.file ? new Uint8Array(await form.file.arrayBuffer()) : octetsOf(form.pasted);
  if (octets.length > MAX_OCTETS) throw new Error(t("The mail has more than {size}.", { size: fileSize(MAX_OCTETS) }));
  return call<TestResult>("filter.test", {
    file: base64(octets),
    sender: form.sender.trim() || undefined,
    recipient: form.recipient.trim() || undefined,
    remote: form.remote || undefined,
  });
}

function Rule({ rule }: { rule: TestedRule }): VNode {
  return (
    <li class={rule.matched ? "rule" : "rule rule-off"}>
      <RuleTitle rule={rule}>
        {rule.matched ? <Tag kind="good">{t("Matches")}</Tag> : <Tag kind="plain">{t("Does not match")}</Tag>}
        {rule.note ? <Tag kind="warn">{rule.note}</Tag> : null}
      </RuleTitle>
      <ul class="rule-tests">
        {rule.conditions.map((one, at) => (
          <li key={at} class={one.holds ? "holds" : "fails"}>
            <Icon name={one.holds ? "check" : "close"} size={16} />
            <span class="visually-hidden">{one.holds ? t("Holds:") : t("Does not hold:")}</span>
            <span>
              <span dir="auto">{one.text}</span>
              {one.seen ? <span class="rule-seen">{t("saw: {what}", { what: one.seen })}</span> : null}
            </span>
          </li>
        ))}
        {rule.actions.map((one, at) =>
          one.expanded === null ? null : (
            <li key={`then ${at}`} class="does">
              <Icon name="right" size={16} />
              <span dir="auto">{one.expanded}</span>
            </li>
          ),
        )}
      </ul>
    </li>
  );
}

function Result({ result }: { result: TestResult }): VNode {
  return (
    <div class="test-result" role="status">
      <p class="test-people">
        <span dir="ltr">
          {result.sender || "<>"} → {result.recipient}
        </span>
        , {result.local ? t("an account here") : t("another server")}
      </p>
      <p class="test-outcome">
        <strong>{t("What becomes of it:")}</strong> <span dir="auto">{result.outcome}</span>
      </p>
      {result.instant_messages.map((one, at) => (
        <p key={at} class="test-message" dir="auto">
          <Icon name="chat" size={16} />
          <span>
            {t("Instant message to {to}:", { to: one.to })} {one.text}
          </span>
        </p>
      ))}
      {result.notes.map((note, at) => (
        <p key={at} class="test-message" dir="auto">
          <Icon name="info" size={16} />
          <span>{note}</span>
        </p>
      ))}
      <Problems problems={result.problems} inForce />
      <ol class="rules-tested" aria-label={t("Rule by rule")}>
        {result.rules.map((rule) => (
          <Rule key={rule.number} rule={rule} />
        ))}
      </ol>
    </div>
  );
}

function Fields({ form }: { form: Signal<Form> }): VNode {
  const change = (some: Partial<Form>): void => {
    form.value = { ...form.value, ...some };
  };
  const { file, pasted, sender, recipient, remote } = form.value;
  const words = { dir: "ltr", autocomplete: "off", spellcheck: false, maxLength: 400 } as const;
  return (
    <>
      <label class="field test-file">
        <span>{t("A mail as a file (.eml)")}</span>
        <input type="file" accept=".eml,message/rfc822" onChange={(event) => change({ file: event.currentTarget.files?.[0] ?? null })} />
      </label>
      <label class="field test-pasted">
        <span>{t("Or its source")}</span>
        <textarea class="mono" dir="ltr" rows={6} spellcheck={false} disabled={file !== null} placeholder={"From: ann@example.org\nTo: bob@example.com\nSubject: Invoice 17\n\nText"} value={pasted} onInput={(event) => change({ pasted: event.currentTarget.value })} />
      </label>
      <label class="field">
        <span>{t("Sender of the envelope")}</span>
        <input type="text" {...words} placeholder={t("As in From")} value={sender} onInput={(event) => change({ sender: event.currentTarget.value })} />
      </label>
      <label class="field">
        <span>{t("Recipient")}</span>
        <input type="text" {...words} placeholder={t("The first of To")} value={recipient} onInput={(event) => change({ recipient: event.currentTarget.value })} />
      </label>
      <label class="queue-held test-remote">
        <input type="checkbox" class="switch" checked={remote} onChange={(event) => change({ remote: event.currentTarget.checked })} />
        <span>{t("As mail for another server")}</span>
      </label>
    </>
  );
}

export function FilterTest(): VNode {
  const form = useSignal<Form>(EMPTY);
  const busy = useSignal(false);
  const result = useSignal<TestResult | null>(null);
  const failure = useSignal<string | null>(null);
  const run = async (): Promise<void> => {
    busy.value = true;
    failure.value = null;
    try {
      result.value = await test(form.value);
    } catch (error) {
      result.value = null;
      failure.value = explain(error);
    }
    busy.value = false;
  };
  const ready = form.value.file !== null || form.value.pasted.trim() !== "";
  const submit = (event: Event): void => {
    event.preventDefault();
    void run();
  };
  return (
    <section class="card filter-test" aria-labelledby="filter-test">
      <h2 id="filter-test">{t("Try the rules on a mail")}</h2>
      <form class="test-form" onSubmit={submit}>
        <Fields form={form} />
        <div class="test-foot">
          <p>{t("Nothing is moved, copied or sent.")}</p>
          <Button kind="primary" type="submit" icon="play" busy={busy.value} disabled={!ready}>
            {t("Try")}
          </Button>
        </div>
      </form>
      {failure.value ? (
        <p class="notice notice-warn" role="alert">
          <Icon name="warning" size={18} />
          <span>{failure.value}</span>
        </p>
      ) : null}
      {result.value ? <Result result={result.value} /> : null}
    </section>
  );
}
