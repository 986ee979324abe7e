/** What can be done to a folder, as menu entries. */
import { explain } from "../core/http.js";
import { t, tn } from "../core/i18n.js";
import { navigate, route } from "../core/router.js";
import type { Mailbox } from "../jmap/types.js";
import { confirmDialog, promptDialog } from "../ui/dialog.js";
import type { MenuEntry } from "../ui/menu.js";
import { toast, toastError } from "../ui/toast.js";
import { emptyFolder, markFolderRead } from "./bulk.js";
import type { MailServices } from "./context.js";
import { mailboxName } from "./mailboxes.js";

async function attempt(run: () => Promise<void>, failed: string): Promise<void> {
  try {
    await run();
  } catch (error) {
    toastError(`${failed} ${explain(error)}`);
  }
}

/** Asks for a name and makes a folder, at the top or below another. */
export async function createFolder({ mail }: MailServices, parent: Mailbox | null): Promise<void> {
  const label = parent ? t("Name of the folder in {parent}", { parent: mailboxName(parent) }) : t("Name");
  const name = await promptDialog({ title: t("New folder"), label, yes: t("Create") });
  if (!name) return;
  await attempt(async () => {
    const id = await mail.mailboxes.create(name, parent?.id ?? null);
    navigate({ page: "mail", folder: id });
  }, t("The folder could not be created."));
}

async function renameFolder({ mail }: MailServices, mailbox: Mailbox): Promise<void> {
  const name = await promptDialog({ title: t("Rename folder"), label: t("Name"), value: mailbox.name, yes: t("Rename") });
  if (!name || name === mailbox.name) return;
  await attempt(() => mail.mailboxes.rename(mailbox.id, name), t("The folder could not be renamed."));
}

async function deleteFolder({ mail }: MailServices, mailbox: Mailbox): Promise<void> {
  const name = mailboxName(mailbox);
  const text = mailbox.totalEmails
    ? tn("The message in {name} is deleted with it and cannot be brought back.", "The {n} messages in {name} are deleted with it and cannot be brought back.", mailbox.totalEmails, { name })
    : t("The folder {name} is empty.", { name });
  if (!(await confirmDialog({ title: t("Delete this folder?"), text, yes: t("Delete folder"), danger: true }))) return;
  await attempt(async () => {
    await mail.mailboxes.destroy(mailbox.id);
    if (route.value.page === "mail" && route.value.folder === mailbox.id) navigate({ page: "mail", folder: "inbox" }, true);
    toast({ text: t("Folder {name} deleted", { name }) });
  }, t("The folder could not be deleted."));
}

async function empty({ mail }: MailServices, mailbox: Mailbox): Promise<void> {
  const name = mailboxName(mailbox);
  const text = tn("The message in {name} cannot be brought back.", "The {n} messages in {name} cannot be brought back.", mailbox.totalEmails, { name });
  const yes = await confirmDialog({ title: t("Empty {name}?", { name }), text, yes: t("Delete all"), danger: true });
  if (yes) await emptyFolder(mail.client, mailbox.id);
}

export function folderEntries(services: MailServices, mailbox: Mailbox): MenuEntry[] {
  const { mail, commands } = services;
  const emptiable = mailbox.role === "trash" || mailbox.role === "junk";
  return [
    { label: t("Mark all as read"), icon: "read", disabled: !mailbox.unreadEmails, run: () => void markFolderRead(mail.client, mailbox.id) },
    { label: t("Check for new mail"), icon: "refresh", run: () => void commands.refresh() },
    "separator",
    { label: t("New folder in here"), icon: "plus", run: () => void createFolder(services, mailbox) },
    !mailbox.role && { label: t("Rename"), icon: "edit", run: () => void renameFolder(services, mailbox) },
    emptiable && {
      label: t("Empty {name}", { name: mailboxName(mailbox) }),
      icon: "trash",
      danger: true,
      disabled: !mailbox.totalEmails,
      run: () => void empty(services, mailbox),
    },
    !mailbox.role && { label: t("Delete folder"), icon: "trash", danger: true, run: () => void deleteFolder(services, mailbox) },
  ];
}
