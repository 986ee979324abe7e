/** Conversations docked at the lower edge of a desk: open beside each other, or folded to their names. */
import type { VNode } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { t, tn } from "../core/i18n.js";
import { navigate, route } from "../core/router.js";
import { Avatar } from "../ui/avatar.js";
import { IconButton } from "../ui/button.js";
import { Icon } from "../ui/icon.js";
import { MenuButton } from "../ui/menu.js";
import { conversationEntries } from "./contacts-view.js";
import { useChat } from "./context.js";
import { ConversationView } from "./conversation-view.js";
import { addressOfJid } from "./jids.js";
import type { DockWindow } from "./windows.js";

function Folded({ jid }: { jid: string }): VNode {
  const { windows, roster, conversation } = useChat();
  const talk = conversation(jid);
  const name = roster.nameOf(jid);
  const unread = talk.unread.value;
  const label = unread ? tn("Open {name}, 1 unread message", "Open {name}, {n} unread messages", unread, { name }) : t("Open {name}", { name });
  return (
    <section class={unread ? "dock-folded has-unread" : "dock-folded"} aria-label={t("Conversation with {name}", { name })}>
      <button type="button" class="dock-name" aria-label={label} onClick={() => windows.open(jid)}>
        <Avatar name={name} address={addressOfJid(jid)} size={26} />
        <span dir="auto">{name}</span>
        {talk.typing.value ? <span class="dock-typing">…</span> : null}
        {unread ? <span class="count">{unread > 99 ? "99+" : unread}</span> : null}
      </button>
      <IconButton icon="close" size={16} label={t("Close conversation with {name}", { name })} onClick={() => windows.close(jid)} />
    </section>
  );
}

function Open({ jid }: { jid: string }): VNode {
  const chat = useChat();
  const { windows } = chat;
  const heading = useId();
  const box = useRef<HTMLElement>(null);
  const wanted = windows.focusing.value === jid;
  useEffect(() => {
    if (!wanted) return;
    windows.focusing.value = null;
    box.current?.querySelector("textarea")?.focus();
  }, [wanted, windows]);
  const fill = (): void => {
    windows.close(jid);
    navigate({ page: "chat", jid: addressOfJid(jid) });
  };
  const actions = (
    <span class="chat-actions">
      <MenuButton label={t("Menu of {name}", { name: chat.roster.nameOf(jid) })} items={() => conversationEntries(chat, jid)}>
        <Icon name="more" size={18} />
      </MenuButton>
      <IconButton icon="minimize" size={18} label={t("Fold")} onClick={() => windows.fold(jid, true)} />
      <IconButton icon="expand" size={17} label={t("Whole page")} onClick={fill} />
      <IconButton icon="close" size={18} label={t("Close")} shortcut={t("Esc")} onClick={() => windows.close(jid)} />
    </span>
  );
  return (
    <section
      ref={box}
      class="dock-window"
      aria-labelledby={heading}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || event.defaultPrevented || event.isComposing) return;
        event.preventDefault();
        windows.close(jid);
      }}
    >
      <ConversationView conversation={chat.conversation(jid)} focus={false} heading={heading} actions={actions} />
    </section>
  );
}

export function Dock(): VNode | null {
  const { windows, roster, conversation } = useChat();
  if (route.value.page === "chat") return null;
  const { shown, hidden } = windows.arranged.value;
  if (!shown.length) return null;
  const unread = hidden.reduce((sum, item) => sum + conversation(item.jid).unread.value, 0);
  return (
    <aside class="dock" aria-label={t("Conversations")} data-keys="off">
      {hidden.length ? (
        <MenuButton class={unread ? "dock-more has-unread" : "dock-more"} label={tn("1 more conversation", "{n} more conversations", hidden.length)} items={() => hidden.map((item) => ({ label: roster.nameOf(item.jid), run: () => windows.open(item.jid) }))}>
          <Icon name="chat" size={18} />+{hidden.length}
        </MenuButton>
      ) : null}
      {shown.toReversed().map((item: DockWindow) => (item.folded ? <Folded key={item.jid} jid={item.jid} /> : <Open key={item.jid} jid={item.jid} />))}
    </aside>
  );
}
