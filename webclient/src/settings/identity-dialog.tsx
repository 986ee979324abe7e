/** Makes or changes an identity: name, signature, where answers go. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { Recipients } from "../compose/recipients.js";
import { t } from "../core/i18n.js";
import { Button } from "../ui/button.js";
import { DialogBody, openDialog } from "../ui/dialog.js";
import { Icon } from "../ui/icon.js";
import { formOf, type IdentitiesModel, type Identity, type IdentityForm } from "./identities-model.js";
import { Field, RichField } from "./parts.js";
import { complaint, type Refusal } from "./refusal.js";

interface Props {
  readonly model: IdentitiesModel;
  readonly identity: Identity | null;
  readonly close: () => void;
}

interface PartProps {
  readonly form: IdentityForm;
  readonly change: (patch: Partial<IdentityForm>) => void;
  readonly refusal: Refusal | null;
  readonly isNew: boolean;
}

function Fields({ form, change, refusal, isNew }: PartProps): VNode {
  return (
    <>
      <Field label={t("Name")} note={t("As others see it.")} error={complaint(refusal, "name")}>
        {(control) => <input dir="auto" autofocus maxLength={200} value={form.name} onInput={(event) => change({ name: event.currentTarget.value })} {...control} />}
      </Field>
      {isNew ? (
        <Field label={t("Address")} note={t("One of your own: your address, or another name for it.")} error={complaint(refusal, "email")}>
          {(control) => <input dir="ltr" type="email" required autocomplete="off" spellcheck={false} maxLength={254} value={form.email} onInput={(event) => change({ email: event.currentTarget.value })} {...control} />}
        </Field>
      ) : null}
      <RichField label={t("Signature")} placeholder={t("Stands below what you write.")} html={form.html} onChange={({ html, text }) => change({ html, text })} />
      <div class="field">
        <span aria-hidden="true">{t("Answers go to")}</span>
        <div class="field-box">
          <Recipients label={t("Answers go to")} value={form.replyTo} onChange={(replyTo) => change({ replyTo })} />
        </div>
        <span class="field-note">{complaint(refusal, "replyTo") ?? t("Empty: to the address you send from.")}</span>
      </div>
      <div class="field">
        <span aria-hidden="true">{t("Always a copy to (Bcc)")}</span>
        <div class="field-box">
          <Recipients label={t("Always a copy to (Bcc)")} value={form.bcc} onChange={(bcc) => change({ bcc })} />
        </div>
      </div>
    </>
  );
}

function IdentityDialog({ model, identity, close }: Props): VNode {
  const form = useSignal(formOf(identity));
  const busy = useSignal(false);
  const refusal = useSignal<Refusal | null>(null);
  const isNew = identity === null;
  const submit = async (): Promise<void> => {
    busy.value = true;
    refusal.value = await model.save(form.value, identity?.id ?? null);
    busy.value = false;
    if (refusal.value === null) close();
  };
  const footer = (
    <>
      <Button onClick={close}>{t("Cancel")}</Button>
      <Button kind="primary" type="submit" busy={busy.value} disabled={isNew && !form.value.email.trim()}>
        {t("Save")}
      </Button>
    </>
  );
  return (
    <DialogBody wide title={identity ? t("Identity {address}", { address: identity.email }) : t("Add an identity")} onClose={close} onSubmit={() => void submit()} footer={footer}>
      <Fields form={form.value} change={(patch) => (form.value = { ...form.value, ...patch })} refusal={refusal.value} isNew={isNew} />
      {refusal.value ? (
        <p class="notice notice-warn" role="alert">
          <Icon name="warning" size={18} />
          <span dir="auto">{refusal.value.text}</span>
        </p>
      ) : null}
    </DialogBody>
  );
}

export function openIdentityDialog(model: IdentitiesModel, identity: Identity | null): void {
  openDialog((close) => <IdentityDialog model={model} identity={identity} close={close} />);
}
