/** What an administrator may do with a mail in the queue; each asks first where nothing brings the mail back. */
import { t, tn } from "../core/i18n.js";
import { confirmDialog, promptDialog } from "../ui/dialog.js";
import { toast } from "../ui/toast.js";
import { attempt, call } from "./api.js";
import type { QueueRow } from "./queue-model.js";

type Reload = () => Promise<void>;

export async function hold(row: QueueRow, reload: Reload): Promise<void> {
  const reason = await promptDialog({ title: t("Hold mail {id}?", { id: String(row.id) }), label: t("Why, for whoever looks at the queue"), yes: t("Hold"), maxLength: 300 });
  if (reason === null) return;
  await attempt(t("The mail could not be held."), () => call("queue.hold", { id: String(row.id), reason }));
  await reload();
}

export async function release(row: QueueRow, reload: Reload): Promise<void> {
  if (await attempt(t("The mail could not be let go."), () => call("queue.release", { id: String(row.id) }))) toast({ text: t("The mail goes on its way.") });
  await reload();
}

export async function retry(row: QueueRow, reload: Reload): Promise<void> {
  if (await attempt(t("The mail could not be tried."), () => call("queue.retry", { id: String(row.id) }))) toast({ text: t("The mail is tried now.") });
  await reload();
}

export async function retryAll(reload: Reload): Promise<void> {
  let due = 0;
  const done = await attempt(t("The mails could not be tried."), async () => {
    ({ due } = await call<{ due: number }>("queue.retry"));
  });
  if (done) toast({ text: due ? tn("1 recipient is tried now.", "{n} recipients are tried now.", due) : t("Nothing waits but what is held.") });
  await reload();
}

export async function remove(row: QueueRow, reload: Reload): Promise<void> {
  const to = tn("1 recipient", "{n} recipients", row.recipients);
  const text = t("The mail from {from} is thrown away for {to}. Its sender is not told, and nothing brings it back.", { from: row.from, to });
  if (!(await confirmDialog({ title: t("Remove mail {id}?", { id: String(row.id) }), text, yes: t("Remove"), danger: true }))) return;
  if (await attempt(t("The mail could not be removed."), () => call("queue.remove", { id: String(row.id) }))) toast({ text: t("Removed.") });
  await reload();
}
