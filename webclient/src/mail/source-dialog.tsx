/** The message as it came over the wire. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { explain } from "../core/http.js";
import { t } from "../core/i18n.js";
import type { EmailFull } from "../jmap/types.js";
import { DialogBody, openDialog } from "../ui/dialog.js";
import { Icon } from "../ui/icon.js";
import type { MailServices } from "./context.js";
import { BodySkeleton } from "./html-body.js";

const LIMIT = 256 * 1024;

function SourceDialog({ services, email, close }: { services: MailServices; email: EmailFull; close: () => void }): VNode {
  const { mail } = services;
  const found = useSignal<{ text: string; cut: boolean } | null>(null);
  const failure = useSignal<string | null>(null);
  useEffect(() => {
    mail.bodies
      .source(email.blobId, LIMIT)
      .then((source) => (found.value = source))
      .catch((error: unknown) => (failure.value = explain(error)));
  }, [mail, email, found, failure]);
  const name = `${(email.subject ?? "message").replace(/[^\p{L}\p{N} ._-]/gu, "").trim().slice(0, 60) || "message"}.eml`;
  const download = (
    <a class="button" href={mail.client.downloadUrl(email.blobId, name, "message/rfc822")} download={name}>
      <Icon name="download" size={18} />
      <span>{t("Download")}</span>
    </a>
  );
  return (
    <DialogBody title={t("Source of the message")} wide onClose={close} footer={download}>
      {failure.value ? <p role="alert">{failure.value}</p> : null}
      {found.value ? (
        <pre class="source" dir="ltr" tabIndex={0}>
          {found.value.text}
          {found.value.cut ? `\n\n${t("… the rest is in the download.")}` : ""}
        </pre>
      ) : failure.value ? null : (
        <BodySkeleton />
      )}
    </DialogBody>
  );
}

export function openSource(services: MailServices, email: EmailFull): void {
  openDialog((close) => <SourceDialog services={services} email={email} close={close} />);
}
