/** Over the list: what it shows and its menu, or what can be done with the ticked messages. */
import type { VNode } from "preact";
import { t, tn } from "../core/i18n.js";
import type { Mailbox } from "../jmap/types.js";
import { IconButton } from "../ui/button.js";
import { Icon } from "../ui/icon.js";
import { MenuButton } from "../ui/menu.js";
import type { Quick } from "./commands.js";
import { useMail } from "./context.js";
import { folderEntries } from "./folder-commands.js";
import { openMoveDialog } from "./move-dialog.js";
import { countText } from "./message-list.js";

export function SelectionBar(): VNode {
  const services = useMail();
  const { mail, commands } = services;
  const size = mail.selection.size.value;
  return (
    <div class="list-head selection-bar" role="toolbar" aria-label={t("Selected messages")}>
      <IconButton icon="close" label={t("Clear selection")} shortcut="Esc" onClick={() => mail.selection.clear()} />
      <span class="selection-count" aria-live="polite">
        {tn("{n} selected", "{n} selected", size)}
      </span>
      <IconButton icon="archive" label={t("Archive")} shortcut="E" onClick={() => commands.archive()} />
      <IconButton icon="trash" label={t("Delete")} shortcut="#" onClick={() => void commands.remove()} />
      <IconButton icon="move" label={t("Move to…")} shortcut="V" onClick={() => openMoveDialog(services)} />
      <MenuButton
        label={t("More")}
        items={() => [
          { label: t("Mark as read"), icon: "read", shortcut: "⇧I", run: () => commands.markRead(true) },
          { label: t("Mark as unread"), icon: "unread", shortcut: "⇧U", run: () => commands.markRead(false) },
          { label: t("Star"), icon: "star", shortcut: "S", run: () => commands.star() },
          { label: t("Junk"), icon: "junk", shortcut: "!", run: () => commands.junk() },
          "separator",
          { label: t("Select all loaded"), icon: "check", shortcut: "⌃A", run: () => commands.tickAll() },
        ]}
      >
        <Icon name="more" />
      </MenuButton>
    </div>
  );
}

function QuickFilter(): VNode {
  const { commands } = useMail();
  const words: Readonly<Record<Quick, string>> = { all: t("All"), unread: t("Unread"), starred: t("Starred") };
  return (
    <MenuButton
      class={commands.quick.value === "all" ? "chip" : "chip chip-on"}
      label={t("Show: {what}", { what: words[commands.quick.value] })}
      items={() =>
        (["all", "unread", "starred"] as const).map((name) => ({
          label: words[name],
          checked: commands.quick.value === name,
          run: () => (commands.quick.value = name),
        }))
      }
    >
      <span>{words[commands.quick.value]}</span>
      <Icon name="down" size={16} />
    </MenuButton>
  );
}

export function FolderHead({ mailbox, name }: { mailbox: Mailbox; name: string }): VNode {
  const services = useMail();
  return (
    <div class="list-head">
      <div class="list-title">
        <h1 dir="auto">{name}</h1>
        <p>{countText(mailbox.totalEmails, mailbox.unreadEmails)}</p>
      </div>
      <QuickFilter />
      <MenuButton label={t("Folder menu")} items={() => folderEntries(services, mailbox)}>
        <Icon name="more" />
      </MenuButton>
    </div>
  );
}

export function SearchHead({ words, total }: { words: string; total: number | null }): VNode {
  const { commands } = useMail();
  return (
    <div class="list-head">
      <div class="list-title">
        <h1 dir="auto">{t("Results for “{words}”", { words })}</h1>
        <p aria-live="polite">{total === null ? t("Searching…") : tn("1 message", "{n} messages", total)}</p>
      </div>
      <IconButton icon="close" label={t("End the search")} onClick={() => commands.goTo("inbox")} />
    </div>
  );
}
