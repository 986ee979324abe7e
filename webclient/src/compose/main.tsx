/** The chunk of writing: makes the desk and its windows for the shell. */
import { effect } from "@preact/signals";
import type { VNode } from "preact";
import { t } from "../core/i18n.js";
import { session } from "../core/session.js";
import type { MailServices } from "../mail/context.js";
import { toast, toastError } from "../ui/toast.js";
import { Desk } from "./desk.js";
import { Drafts } from "./drafts.js";
import { Identities, type Identity } from "./identities.js";
import type { ComposeParts } from "./index.js";
import { BrowserKeeper } from "./keeping.js";
import { UploadQueue } from "./uploads.js";
import { Windows } from "./windows.js";

/** As whom one writes while the server cannot be asked. */
function ownIdentity(): Identity {
  const who = session.value;
  return { id: "", name: who?.name ?? "", email: who?.address ?? "", replyTo: null, bcc: null, textSignature: "", htmlSignature: "" };
}

/** Says what was done, with a way back in the toast and on the key of undo. */
function offer({ mail }: MailServices, text: string, seconds: number, undo: () => void): void {
  const undoable = {
    run: (): void => {
      close();
      if (mail.actions.lastUndo.value === undoable) mail.actions.lastUndo.value = null;
      undo();
    },
  };
  const close = toast({ text, seconds, action: { label: t("Undo"), run: undoable.run } });
  mail.actions.lastUndo.value = undoable;
}

export async function start(services: MailServices): Promise<ComposeParts> {
  const { client, mailboxes } = services.mail;
  const desk = new Desk(
    {
      accountId: client.accountId,
      drafts: new Drafts(client, (role) => mailboxes.role(role)?.id),
      queue: new UploadQueue(client.uploadUrl()),
      limits: { one: client.limits.maxSizeUpload, all: client.maxSizeAttachments },
      keeper: new BrowserKeeper(),
      complain: toastError,
    },
    new Identities(client),
    ownIdentity(),
    { offer: (text, seconds, undo) => offer(services, text, seconds, undo) },
    // A draft that is being read is read on as what it has become.
    (before, now) => services.commands.opened() === before && services.commands.open(now),
  );
  await desk.restore();
  // What waits for the server need not wait longer when news of it arrive.
  effect(() => {
    if (services.mail.live.value === "live") desk.retry();
  });
  return {
    Windows: function ComposeWindows(): VNode {
      return <Windows desk={desk} client={client} />;
    },
    open: (request) => desk.open(request),
    settle: () => desk.settle(),
  };
}
