/** The contacts: by group, with presence; below the folders, and as a page of their own on a phone. */
import { useComputed, useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { t, tn } from "../core/i18n.js";
import { drawerOpen } from "../shell/layout.js";
import { Avatar, showText } from "../ui/avatar.js";
import { Button, IconButton } from "../ui/button.js";
import { confirmDialog, promptDialog } from "../ui/dialog.js";
import { EmptyState } from "../ui/empty.js";
import { Icon } from "../ui/icon.js";
import { memo } from "../ui/memo.js";
import { MenuButton, type MenuEntry } from "../ui/menu.js";
import { openAddContact } from "./contact-dialogs.js";
import { useChat } from "./context.js";
import { presenceOf } from "./index.js";
import { addressOfJid } from "./jids.js";
import { LinkLine } from "./link-line.js";
import type { Chat } from "./model.js";
import { COLLEAGUES, groupTitle, type Group } from "./roster.js";

/** Contacts from which on a field to filter them is offered. */
const MANY = 9;

async function rename(chat: Chat, jid: string): Promise<void> {
  const name = await promptDialog({ title: t("Rename contact"), label: t("Name"), value: chat.roster.nameOf(jid), yes: t("Rename"), maxLength: 100 });
  if (name !== null) await chat.contacts.rename(jid, name);
}

async function remove(chat: Chat, jid: string): Promise<void> {
  const name = chat.roster.nameOf(jid);
  const colleague = chat.roster.items.value.get(jid)?.groups.includes(COLLEAGUES) === true;
  const text = colleague ? t("{name} is taken off your list. Colleagues see each other all the same.", { name }) : t("You and {name} no longer see whether the other is there.", { name });
  if (await confirmDialog({ title: t("Remove this contact?"), text, yes: t("Remove"), danger: true })) await chat.contacts.remove(jid);
}

/** What can be done about the other side of a conversation that is open. */
export function conversationEntries(chat: Chat, jid: string): MenuEntry[] {
  if (!chat.roster.items.value.has(jid)) return [{ label: t("Add to contacts"), icon: "plus", disabled: !jid.includes("@"), run: () => openAddContact(chat, addressOfJid(jid)) }];
  return [
    { label: t("Rename"), icon: "edit", run: () => void rename(chat, jid) },
    "separator",
    { label: t("Remove"), icon: "trash", danger: true, run: () => void remove(chat, jid) },
  ];
}

function contactEntries(chat: Chat, jid: string): MenuEntry[] {
  return [{ label: t("Chat"), icon: "chat", run: () => chat.open(addressOfJid(jid)) }, ...conversationEntries(chat, jid)];
}

function detail(chat: Chat, jid: string): string {
  const item = chat.roster.items.value.get(jid);
  if (item?.asked) return t("Waiting for an answer");
  const presence = presenceOf(addressOfJid(jid)).value;
  if (!presence) return "";
  return presence.status ?? (presence.show === "online" || presence.show === "offline" ? "" : showText(presence.show));
}

const ContactRow = memo(function ContactRow({ jid, page }: { jid: string; page: boolean }): VNode {
  const chat = useChat();
  const address = addressOfJid(jid);
  const name = chat.roster.nameOf(jid);
  const unread = chat.conversations.value.get(jid)?.unread.value ?? 0;
  const show = presenceOf(address).value?.show ?? "offline";
  const text = detail(chat, jid);
  const label = unread ? tn("{name}, {show}, 1 unread message", "{name}, {show}, {n} unread messages", unread, { name, show: showText(show) }) : t("{name}, {show}", { name, show: showText(show) });
  return (
    <li class={`contact contact-${show === "offline" ? "off" : "on"}${unread ? " has-unread" : ""}`}>
      <button
        type="button"
        class="contact-button"
        aria-label={label}
        title={address}
        onClick={() => {
          drawerOpen.value = false;
          chat.open(address);
        }}
      >
        <Avatar name={name} address={address} size={page ? 40 : 28} />
        <span class="contact-words">
          <span class="contact-name" dir="auto">
            {name}
          </span>
          {text ? (
            <span class="contact-detail" dir="auto">
              {text}
            </span>
          ) : null}
        </span>
        {unread ? <span class="count">{unread > 99 ? "99+" : unread}</span> : null}
      </button>
      <MenuButton class="icon-button folder-menu" label={t("Menu of {name}", { name })} items={() => contactEntries(chat, jid)}>
        <Icon name="more" size={18} />
      </MenuButton>
    </li>
  );
});

/** Who is there stands first. */
function sorted(group: Group): readonly string[] {
  const there = (jid: string): number => ((presenceOf(addressOfJid(jid)).value?.show ?? "offline") === "offline" ? 1 : 0);
  return group.contacts.map((item) => item.jid).sort((a, b) => there(a) - there(b));
}

function GroupView({ group, words, page }: { group: Group; words: string; page: boolean }): VNode | null {
  const chat = useChat();
  const open = useSignal(true);
  const jids = useComputed(() => sorted(chat.roster.groups.value.find((item) => item.name === group.name) ?? group));
  const shown = words ? jids.value.filter((jid) => chat.roster.nameOf(jid).toLowerCase().includes(words) || addressOfJid(jid).includes(words)) : jids.value;
  const there = jids.value.filter((jid) => (presenceOf(addressOfJid(jid)).value?.show ?? "offline") !== "offline").length;
  if (!shown.length) return null;
  const expanded = open.value || words !== "";
  const Heading = page ? "h2" : "h3";
  return (
    <section class="contact-group">
      <Heading>
        <button type="button" class="group-head" aria-expanded={expanded} onClick={() => (open.value = !open.value)}>
          <Icon name={expanded ? "down" : "right"} size={14} />
          <span dir="auto">{groupTitle(group.name)}</span>
          <span class="group-count" aria-hidden="true">
            {there}/{jids.value.length}
          </span>
          <span class="visually-hidden">{t("{there} of {all} are there", { there, all: jids.value.length })}</span>
        </button>
      </Heading>
      {expanded ? (
        <ul>
          {shown.map((jid) => (
            <ContactRow key={jid} jid={jid} page={page} />
          ))}
        </ul>
      ) : null}
    </section>
  );
}

function Requests(): VNode | null {
  const { roster, contacts } = useChat();
  if (!roster.requests.value.length) return null;
  return (
    <ul class="requests" aria-label={t("Requests")}>
      {roster.requests.value.map((jid) => (
        <li key={jid} class="request">
          <span>
            <strong dir="auto">{roster.nameOf(jid)}</strong>{" "}
            <span class="request-address" dir="ltr">
              {addressOfJid(jid)}
            </span>
          </span>
          <span>{t("wants to see when you are there.")}</span>
          <span class="request-answers">
            <Button kind="primary" onClick={() => void contacts.accept(jid)}>
              {t("Accept")}
            </Button>
            <Button onClick={() => void contacts.decline(jid)}>{t("Decline")}</Button>
          </span>
        </li>
      ))}
    </ul>
  );
}

export function ContactsView({ page }: { page: boolean }): VNode {
  const chat = useChat();
  const words = useSignal("");
  const { roster } = chat;
  const count = roster.items.value.size;
  return (
    <section class={page ? "contacts contacts-page" : "contacts"} aria-label={page ? undefined : t("Contacts")}>
      <div class="section-head">
        {page ? <h1>{t("Contacts")}</h1> : <h2>{t("Contacts")}</h2>}
        <IconButton icon="plus" size={page ? 22 : 18} label={t("Add a contact")} onClick={() => openAddContact(chat)} />
      </div>
      <LinkLine />
      <Requests />
      {page || count >= MANY ? (
        <input class="contacts-filter" type="search" dir="auto" aria-label={t("Filter contacts")} placeholder={t("Filter contacts")} value={words.value} onInput={(event) => (words.value = event.currentTarget.value.trim().toLowerCase())} />
      ) : null}
      {roster.loaded.value && !count ? (
        page ? (
          <EmptyState icon="contacts" title={t("No contacts yet")} text={t("Add people by their address to see when they are there.")} />
        ) : (
          <p class="contacts-none">{t("No contacts yet")}</p>
        )
      ) : null}
      {roster.groups.value.map((group) => (
        <GroupView key={group.name} group={group} words={words.value} page={page} />
      ))}
    </section>
  );
}
