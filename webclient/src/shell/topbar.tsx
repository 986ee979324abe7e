/** The bar along the top: name of the house, search, own presence, account menu. */
import { useRef } from "preact/hooks";
import type { VNode } from "preact";
import { chat, chatUnread } from "../chat/index.js";
import { explain } from "../core/http.js";
import { t, tn } from "../core/i18n.js";
import { hrefOf, navigate, route } from "../core/router.js";
import { changeSettings, session, settings, type Settings } from "../core/session.js";
import { Avatar } from "../ui/avatar.js";
import { IconButton } from "../ui/button.js";
import { Icon } from "../ui/icon.js";
import { MenuButton, type MenuEntry } from "../ui/menu.js";
import { toastError } from "../ui/toast.js";
import { drawerOpen, hasDrawer } from "./layout.js";
import { HOUSE } from "./notify.js";
import { SearchBox } from "./search-box.js";
import { signOut } from "./sign-out.js";

/** Saves settings; what the server refuses is said. */
export function saveSettings(patch: Partial<Settings>): void {
  changeSettings(patch).catch((error: unknown) => toastError(`${t("The setting could not be saved.")} ${explain(error)}`));
}

export function Logo(): VNode {
  return (
    <svg class="logo" viewBox="0 0 64 64" width="32" height="32" aria-hidden="true">
      <rect class="logo-ground" width="64" height="64" rx="15" />
      <path class="logo-sheet" d="M15 21a4 4 0 0 1 4-4h26a4 4 0 0 1 4 4v18a4 4 0 0 1-4 4H31l-9 7v-7h-3a4 4 0 0 1-4-4z" />
      <path class="logo-fold" d="M21 25l11 8 11-8" />
    </svg>
  );
}

function accountEntries(showKeys: () => void, signOut: () => void): MenuEntry[] {
  const { theme } = settings.value;
  return [
    { label: t("Colours of the system"), checked: theme === "system", run: () => saveSettings({ theme: "system" }) },
    { label: t("Light colours"), checked: theme === "light", run: () => saveSettings({ theme: "light" }) },
    { label: t("Dark colours"), checked: theme === "dark", run: () => saveSettings({ theme: "dark" }) },
    "separator",
    { label: t("Settings"), icon: "settings", run: () => navigate({ page: "settings", section: "general" }) },
    { label: t("Collected mailboxes"), icon: "collect", run: () => navigate({ page: "settings", section: "multipop" }) },
    { label: t("Keys"), icon: "keyboard", shortcut: "?", run: showKeys },
    session.value?.admin && { label: t("Administration"), icon: "shield", run: () => location.assign("/admin/") },
    "separator",
    { label: t("Sign out"), icon: "signout", run: signOut },
  ];
}

function AccountMenu({ showKeys }: { showKeys: () => void }): VNode | null {
  const form = useRef<HTMLFormElement>(null);
  const who = session.value;
  if (!who) return null;
  const head = (
    <div class="menu-head">
      <Avatar name={who.name} address={who.address} size={40} dot={false} />
      <span>
        <strong dir="auto">{who.name || who.address}</strong>
        <span dir="ltr">{who.address}</span>
      </span>
    </div>
  );
  return (
    <>
      <MenuButton class="account-button" label={t("Account of {name}", { name: who.name || who.address })} head={head} items={() => accountEntries(showKeys, () => form.current?.requestSubmit())}>
        <Avatar name={who.name} address={who.address} size={34} dot={false} />
      </MenuButton>
      <form ref={form} method="post" action="/logout" hidden onSubmit={signOut} />
    </>
  );
}

/** The way to the chat page on a desk; a phone has it in the bottom bar. */
function ChatLink(): VNode {
  const unread = chatUnread.value;
  const label = unread ? tn("Chat, 1 unread message", "Chat, {n} unread messages", unread) : t("Chat");
  return (
    <a class="icon-button topbar-chat" href={hrefOf({ page: "chat" })} title={t("Chat")} aria-label={label} aria-current={route.value.page === "chat" ? "page" : undefined}>
      <Icon name="chat" />
      {unread ? <span class="count">{unread > 99 ? "99+" : unread}</span> : null}
    </a>
  );
}

export function TopBar({ showKeys }: { showKeys: () => void }): VNode {
  const parts = chat.value;
  return (
    <header class="topbar">
      <div class="topbar-start">
        {hasDrawer.value ? <IconButton icon="menu" label={t("Folders")} onClick={() => (drawerOpen.value = !drawerOpen.value)} /> : null}
        <a class="brand" href={hrefOf({ page: "mail", folder: "inbox" })} aria-label={t("{house}, to the inbox", { house: HOUSE })}>
          <Logo />
          <span class="brand-name" aria-hidden="true">
            {HOUSE}
          </span>
        </a>
      </div>
      <SearchBox />
      <div class="topbar-end">
        {parts ? <parts.OwnPresence /> : null}
        <span class="desk-only">
          <ChatLink />
          <IconButton icon="settings" label={t("Settings")} onClick={() => navigate({ page: "settings", section: "general" })} />
        </span>
        <AccountMenu showKeys={showKeys} />
      </div>
    </header>
  );
}

/** For parts of the page that show a link with an icon, such as the bottom bar. */
export function IconLabel({ icon, text }: { icon: Parameters<typeof Icon>[0]["name"]; text: string }): VNode {
  return (
    <>
      <Icon name={icon} size={22} />
      <span>{text}</span>
    </>
  );
}
