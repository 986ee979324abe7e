/** Automatic replies while one is away. */
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { longDate } from "../core/format.js";
import { t } from "../core/i18n.js";
import type { JmapClient } from "../jmap/client.js";
import { Button } from "../ui/button.js";
import { EmptyState } from "../ui/empty.js";
import { Icon } from "../ui/icon.js";
import { toast } from "../ui/toast.js";
import { Field, RichField } from "./parts.js";
import { complaint } from "./refusal.js";
import { faultsOf, savedText, statusOf, utcDate, VacationModel, type VacationForm } from "./vacation-model.js";

function statusText(form: VacationForm): string {
  const from = utcDate(form.from) ?? "";
  const to = utcDate(form.to) ?? "";
  switch (statusOf(form)) {
    case "off":
      return t("Nobody gets a reply.");
    case "waiting":
      return t("Replies begin on {date}.", { date: longDate(from) });
    case "over":
      return t("The time is over: nobody gets a reply any more.");
    case "active":
      return to ? t("Replies are sent until {date}.", { date: longDate(to) }) : t("Replies are sent until you switch this off.");
  }
}

interface PartProps {
  readonly model: VacationModel;
  readonly form: VacationForm;
  readonly fault: (property: string) => string | undefined;
}

function When({ model, form, fault }: PartProps): VNode {
  return (
    <div class="field-pair">
      <Field label={t("From")} note={t("Empty: from now on.")} error={fault("fromDate")}>
        {(control) => <input type="datetime-local" value={form.from} onInput={(event) => model.change({ from: event.currentTarget.value })} {...control} />}
      </Field>
      <Field label={t("Until")} note={t("Empty: until you switch it off.")} error={fault("toDate")}>
        {(control) => <input type="datetime-local" value={form.to} onInput={(event) => model.change({ to: event.currentTarget.value })} {...control} />}
      </Field>
    </div>
  );
}

function Words({ model, form, fault }: PartProps): VNode {
  return (
    <>
      <Field label={t("Subject")} note={t("Empty: made of the subject that is answered.")} error={fault("subject")}>
        {(control) => <input dir="auto" maxLength={255} value={form.subject} onInput={(event) => model.change({ subject: event.currentTarget.value })} {...control} />}
      </Field>
      <RichField
        label={t("Text of the reply")}
        placeholder={t("I am away until … and will read your message then.")}
        html={form.html}
        onChange={({ html, text }) => model.change({ html, text })}
        note={t("$SENDER$, $SUBJECT$ and $RECIPIENT$ stand for what the answered message says. Empty: a short text of the server.")}
      />
      {fault("textBody") ?? fault("htmlBody") ? (
        <p class="field-error" role="alert">
          {fault("textBody") ?? fault("htmlBody")}
        </p>
      ) : null}
    </>
  );
}

function Whom({ model, form, fault }: PartProps): VNode {
  return (
    <section class="card card-form" aria-labelledby="vacation-whom">
      <h2 id="vacation-whom">{t("Who gets a reply")}</h2>
      <p class="card-note">{t("Everybody who writes to you personally, once. Lists, newsletters and other automatic mail never do.")}</p>
      <label class="check">
        <input type="checkbox" checked={form.colleagues} onChange={(event) => model.change({ colleagues: event.currentTarget.checked })} />
        <span>{t("Colleagues of this office too")}</span>
      </label>
      <Field label={t("Days until the same sender gets another one")} error={fault("periodDays")}>
        {(control) => <input class="short" inputMode="numeric" dir="ltr" maxLength={2} value={form.days} onInput={(event) => model.change({ days: event.currentTarget.value })} {...control} />}
      </Field>
      <Field label={t("Never reply to")} note={t("Addresses, one a line; * stands for any text: *@example.org")} error={fault("excludedAddresses")}>
        {(control) => <textarea rows={4} dir="ltr" spellcheck={false} value={form.excluded} onInput={(event) => model.change({ excluded: event.currentTarget.value })} {...control} />}
      </Field>
    </section>
  );
}

function Form({ model, form }: { model: VacationModel; form: VacationForm }): VNode {
  const faults = faultsOf(form);
  const fault = (property: string): string | undefined => faults[property] ?? complaint(model.refusal.value, property);
  const refusal = model.refusal.value;
  const part = { model, form, fault };
  const save = async (): Promise<void> => {
    if (await model.save()) toast({ text: savedText(form) });
  };
  return (
    <form
      class="settings-form"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <section class="card card-form" aria-labelledby="vacation-head">
        <div class="card-head">
          <div>
            <h2 id="vacation-head">{t("Automatic replies")}</h2>
            <p class="card-note" role="status">
              {statusText(form)}
            </p>
          </div>
          <input type="checkbox" role="switch" class="switch" aria-label={t("Automatic replies")} checked={form.on} onChange={(event) => model.change({ on: event.currentTarget.checked })} />
        </div>
        <When {...part} />
        <Words {...part} />
      </section>
      {model.more.value ? <Whom {...part} /> : null}
      {refusal && !refusal.properties.length ? (
        <p class="notice notice-warn" role="alert">
          <Icon name="warning" size={18} />
          <span>{refusal.text}</span>
        </p>
      ) : null}
      <div class="form-foot">
        <span>{model.dirty.value ? t("Not saved yet") : null}</span>
        <Button kind="primary" type="submit" busy={model.saving.value} disabled={!model.dirty.value || Object.keys(faults).length > 0}>
          {t("Save")}
        </Button>
      </div>
    </form>
  );
}

const models = new WeakMap<JmapClient, VacationModel>();

/** One for the whole visit: what is not saved is still there when one comes back to the page. */
function modelOf(client: JmapClient): VacationModel {
  const model = models.get(client) ?? new VacationModel(client);
  models.set(client, model);
  return model;
}

/** The browser asks, in its own words, before what is not saved is lost with the tab. */
function useWarning(model: VacationModel): void {
  useEffect(() => {
    const ask = (event: BeforeUnloadEvent): void => {
      if (model.dirty.value) event.preventDefault();
    };
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [model]);
}

export function VacationPage({ client }: { client: JmapClient }): VNode {
  const model = modelOf(client);
  useWarning(model);
  useEffect(() => {
    if (model.dirty.value) return;
    model.form.value = null; // another program may have changed it
    void model.load();
  }, [model]);
  const form = model.form.value;
  if (form) return <Form model={model} form={form} />;
  if (model.failure.value === null) return <div class="skeleton box-skeleton" aria-busy="true" />;
  return (
    <EmptyState icon="warning" title={t("The automatic replies could not be read")} text={model.failure.value}>
      <Button icon="refresh" onClick={() => void model.load()}>
        {t("Try again")}
      </Button>
    </EmptyState>
  );
}

