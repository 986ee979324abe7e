/** The folders with their unread counts; messages can be dropped on them. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { formatNumber, t, tn } from "../core/i18n.js";
import { hrefOf, navigate, route } from "../core/router.js";
import { drawerOpen } from "../shell/layout.js";
import { IconButton } from "../ui/button.js";
import { Icon } from "../ui/icon.js";
import { MenuButton } from "../ui/menu.js";
import { useMail } from "./context.js";
import { droppedEmails, holdsEmails } from "./drag.js";
import { createFolder, folderEntries } from "./folder-commands.js";
import { mailboxIcon, mailboxName, type Placed } from "./mailboxes.js";

/** Arrow keys move between the folders (roving tabindex). */
function step(event: KeyboardEvent): void {
  const list = event.currentTarget as HTMLElement;
  const links = [...list.querySelectorAll<HTMLElement>(".folder-link")];
  const at = links.indexOf(document.activeElement as HTMLElement);
  const to: Readonly<Record<string, number>> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 };
  const wanted = to[event.key];
  if (at < 0 || wanted === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  links[Math.max(0, Math.min(links.length - 1, wanted))]?.focus();
}

function badge({ mailbox }: Placed): VNode | null {
  const drafts = mailbox.role === "drafts";
  const count = drafts ? mailbox.totalEmails : mailbox.unreadEmails;
  if (!count || mailbox.role === "trash" || mailbox.role === "sent") return null;
  const label = drafts ? tn("1 draft", "{n} drafts", count) : tn("1 unread", "{n} unread", count);
  return (
    <span class={drafts || mailbox.role === "junk" ? "badge badge-quiet" : "badge"} aria-label={label}>
      {formatNumber(count)}
    </span>
  );
}

function Folder({ placed, current }: { placed: Placed; current: boolean }): VNode {
  const services = useMail();
  const { mail } = services;
  const { mailbox, depth } = placed;
  const [over, setOver] = useState(false);
  const to = { page: "mail", folder: mail.mailboxes.routeName(mailbox) } as const;
  const classes = ["folder", current ? "current" : "", over ? "drop" : "", mailbox.unreadEmails ? "has-unread" : ""];
  return (
    <li
      class={classes.join(" ")}
      style={{ "--depth": String(depth) }}
      onDragOver={(event) => {
        if (!holdsEmails(event)) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false);
      }}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        void mail.actions.move(droppedEmails(event), mailbox.id);
      }}
    >
      <a
        class="folder-link"
        href={hrefOf(to)}
        tabIndex={current ? 0 : -1}
        aria-current={current ? "page" : undefined}
        onClick={(event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey) return;
          event.preventDefault();
          drawerOpen.value = false;
          navigate(to);
        }}
      >
        <Icon name={mailboxIcon(mailbox)} />
        <span class="folder-name" dir="auto" title={mailboxName(mailbox)}>
          {mailboxName(mailbox)}
        </span>
        {badge(placed)}
      </a>
      <MenuButton class="icon-button folder-menu" label={t("Menu of {folder}", { folder: mailboxName(mailbox) })} items={() => folderEntries(services, mailbox)}>
        <Icon name="more" size={18} />
      </MenuButton>
    </li>
  );
}

export function Folders(): VNode {
  const services = useMail();
  const { mail } = services;
  const here = route.value;
  const current = here.page === "mail" ? mail.mailboxes.find(here.folder)?.id : undefined;
  const placed = mail.mailboxes.placed.value;
  return (
    <nav class="folders" aria-label={t("Folders")}>
      <div class="section-head">
        <h2>{t("Folders")}</h2>
        <IconButton icon="plus" size={18} label={t("New folder")} onClick={() => void createFolder(services, null)} />
      </div>
      {mail.mailboxes.loaded.value ? (
        <ul onKeyDown={step}>
          {placed.map((item, index) => (
            <Folder key={item.mailbox.id} placed={item} current={item.mailbox.id === current || (current === undefined && index === 0 && here.page === "mail")} />
          ))}
        </ul>
      ) : (
        <ul aria-hidden="true">
          {[70, 55, 40, 62, 45].map((width) => (
            <li key={width} class="folder folder-skeleton">
              <span class="skeleton" style={{ width: `${width}%` }} />
            </li>
          ))}
        </ul>
      )}
    </nav>
  );
}
