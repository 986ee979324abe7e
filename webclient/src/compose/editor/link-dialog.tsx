/** Asks for a link's address and its text. */
import { useSignal, type Signal } from "@preact/signals";
import type { VNode } from "preact";
import { useId } from "preact/hooks";
import { t } from "../../core/i18n.js";
import { Button } from "../../ui/button.js";
import { DialogBody, openDialog } from "../../ui/dialog.js";

export interface LinkDialogProps {
  readonly href: string;
  readonly text: string;
  /** Sets the link ("" removes it); false if the address may not be one. */
  readonly set: (href: string, text: string) => boolean;
}

function AddressField({ address, wrong }: { address: Signal<string>; wrong: Signal<boolean> }): VNode {
  const error = useId();
  return (
    <label class="field">
      <span>{t("Address")}</span>
      <input
        dir="ltr"
        inputMode="url"
        autofocus
        autocomplete="off"
        spellcheck={false}
        maxLength={2000}
        value={address.value}
        aria-invalid={wrong.value}
        aria-describedby={wrong.value ? error : undefined}
        onInput={(event) => {
          address.value = event.currentTarget.value;
          wrong.value = false;
        }}
      />
      {wrong.value ? (
        <span id={error} class="field-error" role="alert">
          {t("A link leads to a web page or to a mail address.")}
        </span>
      ) : null}
    </label>
  );
}

function LinkDialog({ href, text, set, close }: LinkDialogProps & { close: () => void }): VNode {
  const address = useSignal(href);
  const words = useSignal(text);
  const wrong = useSignal(false);
  const submit = (): void => {
    if (address.value.trim() && set(address.value, words.value)) close();
    else wrong.value = true;
  };
  const footer = (
    <>
      {href ? (
        <Button
          onClick={() => {
            set("", text);
            close();
          }}
        >
          {t("Remove the link")}
        </Button>
      ) : null}
      <span class="grow" />
      <Button onClick={close}>{t("Cancel")}</Button>
      <Button kind="primary" type="submit" disabled={!address.value.trim()}>
        {t("Set the link")}
      </Button>
    </>
  );
  return (
    <DialogBody title={href ? t("Link") : t("Add a link")} onClose={close} onSubmit={submit} footer={footer}>
      <AddressField address={address} wrong={wrong} />
      <label class="field">
        <span>{t("Text")}</span>
        <input dir="auto" maxLength={500} value={words.value} onInput={(event) => (words.value = event.currentTarget.value)} />
      </label>
    </DialogBody>
  );
}

/** Shows the dialog; `done` runs when it is closed, however. */
export function openLinkDialog(props: LinkDialogProps, done: () => void): void {
  openDialog((close) => <LinkDialog {...props} close={close} />, done);
}
