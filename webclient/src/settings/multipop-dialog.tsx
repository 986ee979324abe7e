/** Adds or changes one collected mailbox. */
import { useSignal, type Signal } from "@preact/signals";
import type { VNode } from "preact";
import { useId } from "preact/hooks";
import { explain, Problem } from "../core/http.js";
import { t, tn } from "../core/i18n.js";
import { Button } from "../ui/button.js";
import { DialogBody, openDialog } from "../ui/dialog.js";
import { Icon } from "../ui/icon.js";
import { bodyOf, formOf, withTls, type Form } from "./multipop-form.js";
import type { Box, BoxTls, MultipopModel, TestResult } from "./multipop-model.js";

interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly change: (text: string) => void;
  readonly error: string | undefined;
  /** A whole number. */
  readonly digits?: boolean;
  readonly type?: "text" | "password";
  readonly note?: string;
  readonly required?: boolean;
  readonly autocomplete?: string;
  readonly autofocus?: boolean;
}

function Field({ label, value, change, error, type = "text", note, required = true, autocomplete = "off", digits = false, autofocus = false }: FieldProps): VNode {
  const id = useId();
  const kind = type === "password" ? ({ type } as const) : ({ type: "text" } as const);
  return (
    <label class="field">
      <span>{label}</span>
      <input
        {...kind}
        dir="ltr"
        value={value}
        required={required}
        autocomplete={autocomplete}
        autofocus={autofocus}
        spellcheck={false}
        aria-invalid={error !== undefined}
        aria-describedby={error || note ? id : undefined}
        onInput={(event) => change(event.currentTarget.value)}
        inputMode={digits ? "numeric" : undefined}
        pattern={digits ? "[0-9]{1,5}" : undefined}
      />
      {error ? (
        <span id={id} class="field-error" role="alert">
          {error}
        </span>
      ) : note ? (
        <span id={id} class="field-note">
          {note}
        </span>
      ) : null}
    </label>
  );
}

function Security({ form }: { form: Signal<Form> }): VNode {
  const { tls, leave } = form.value;
  return (
    <>
      <label class="field">
        <span>{t("Encryption")}</span>
        <select value={tls} onChange={(event) => (form.value = withTls(form.value, event.currentTarget.value as BoxTls))}>
          <option value="tls">{t("TLS from the start (usual)")}</option>
          <option value="stls">{t("STLS: begins in clear, then encrypts")}</option>
          <option value="none">{t("None: password and mail can be read on the way")}</option>
        </select>
      </label>
      <label class="check">
        <input type="checkbox" checked={leave} onChange={(event) => (form.value = { ...form.value, leave: event.currentTarget.checked })} />
        <span>
          {t("Leave the mail there")}
          <span class="field-note">{t("Otherwise it is removed there once it is safe here.")}</span>
        </span>
      </label>
    </>
  );
}

function Outcome({ result }: { result: TestResult }): VNode {
  return (
    <p class={result.ok ? "notice notice-ok" : "notice notice-warn"} role="status">
      <Icon name={result.ok ? "check" : "warning"} size={18} />
      <span dir="auto">{result.ok ? tn("It works: 1 message waits there.", "It works: {n} messages wait there.", result.messages) : result.detail}</span>
    </p>
  );
}

interface DialogState {
  readonly form: Signal<Form>;
  readonly busy: Signal<"save" | "test" | null>;
  readonly problem: Signal<Problem | string | null>;
  readonly result: Signal<TestResult | null>;
  /** Set once the box exists: testing saves first. */
  readonly id: Signal<string | null>;
}

async function submit(model: MultipopModel, state: DialogState, what: "save" | "test", close: () => void): Promise<void> {
  const { form, busy, problem, result, id } = state;
  busy.value = what;
  problem.value = null;
  result.value = null;
  try {
    const box = await model.save(bodyOf(form.value), id.value);
    id.value = box.id;
    if (what === "test") result.value = await model.test(box.id);
    else close();
  } catch (error) {
    problem.value = error instanceof Problem ? error : explain(error);
  } finally {
    busy.value = null;
  }
}

function useDialogState(box: Box | null): DialogState {
  return {
    form: useSignal<Form>(formOf(box)),
    busy: useSignal<"save" | "test" | null>(null),
    problem: useSignal<Problem | string | null>(null),
    result: useSignal<TestResult | null>(null),
    id: useSignal<string | null>(box?.id ?? null),
  };
}

function BoxDialog({ model, box, close }: { model: MultipopModel; box: Box | null; close: () => void }): VNode {
  const state = useDialogState(box);
  const { form, busy, problem, result } = state;
  const fault = (path: string): string | undefined => (problem.value instanceof Problem ? problem.value.field(path) : undefined);
  const change = (name: keyof Form) => (text: string) => (form.value = { ...form.value, [name]: text });
  const { host, port, user, password } = form.value;
  const complete = Boolean(host.trim() && Number(port) && user.trim() && (password || state.id.value !== null));
  const footer = (
    <>
      <Button icon="play" busy={busy.value === "test"} disabled={!complete} onClick={() => void submit(model, state, "test", close)}>
        {t("Save and test")}
      </Button>
      <span class="grow" />
      <Button onClick={close}>{t("Cancel")}</Button>
      <Button kind="primary" type="submit" busy={busy.value === "save"} disabled={!complete}>
        {t("Save")}
      </Button>
    </>
  );
  return (
    <DialogBody title={box ? t("Collected mailbox") : t("Add a mailbox")} onClose={close} onSubmit={() => void submit(model, state, "save", close)} footer={footer}>
      <div class="field-row">
        <Field label={t("Server")} value={host} change={change("host")} error={fault("host")} note={t("for example pop.example.org")} autofocus={!box} />
        <Field label={t("Port")} digits value={port} change={change("port")} error={fault("port")} />
      </div>
      <Field label={t("User name")} value={user} change={change("user")} error={fault("user")} />
      <Field
        label={t("Password")}
        type="password"
        autocomplete="new-password"
        value={password}
        required={!box}
        change={change("password")}
        error={fault("password")}
        {...(box ? { note: t("Leave empty to keep the one that is set.") } : {})}
      />
      <Security form={form} />
      {problem.value ? (
        <p class="notice notice-warn" role="alert">
          <Icon name="warning" size={18} />
          <span>{problem.value instanceof Problem ? problem.value.message : problem.value}</span>
        </p>
      ) : null}
      {result.value ? <Outcome result={result.value} /> : null}
    </DialogBody>
  );
}

export function openBoxDialog(model: MultipopModel, box: Box | null): void {
  openDialog((close) => <BoxDialog model={model} box={box} close={close} />);
}
