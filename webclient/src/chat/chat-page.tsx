/** Chat as a page: conversations on one side, the one that is open on the other; one of the two on a phone. */
import type { VNode } from "preact";
import { useId } from "preact/hooks";
import { shortDate } from "../core/format.js";
import { t, tn } from "../core/i18n.js";
import { hrefOf, navigate } from "../core/router.js";
import { isPhone } from "../shell/layout.js";
import { Avatar } from "../ui/avatar.js";
import { Button, IconButton } from "../ui/button.js";
import { EmptyState } from "../ui/empty.js";
import { Icon } from "../ui/icon.js";
import { memo } from "../ui/memo.js";
import { MenuButton } from "../ui/menu.js";
import { openPickContact } from "./contact-dialogs.js";
import { conversationEntries } from "./contacts-view.js";
import { useChat } from "./context.js";
import type { Conversation } from "./conversation.js";
import { ConversationView } from "./conversation-view.js";
import { addressOfJid, jidOfAddress } from "./jids.js";
import { LinkLine } from "./link-line.js";

const Item = memo(function Item({ conversation, current }: { conversation: Conversation; current: boolean }): VNode {
  const { roster } = useChat();
  const { jid } = conversation;
  const last = conversation.last.value;
  const name = roster.nameOf(jid);
  const unread = conversation.unread.value;
  const iso = last ? new Date(last.time).toISOString() : "";
  return (
    <li class={`talk${current ? " current" : ""}${unread ? " has-unread" : ""}`}>
      <a href={hrefOf({ page: "chat", jid: addressOfJid(jid) })} aria-current={current ? "page" : undefined}>
        <Avatar name={name} address={addressOfJid(jid)} size={40} />
        <span class="talk-words">
          <span class="talk-name" dir="auto">
            {name}
          </span>
          <span class="talk-last" dir="auto">
            {conversation.typing.value ? t("is typing…") : last ? (last.mine ? t("You: {text}", { text: last.body }) : last.body || last.subject) : null}
          </span>
        </span>
        <span class="talk-end">
          {last ? <time dateTime={iso}>{shortDate(iso)}</time> : null}
          {unread ? (
            <span class="count">
              <span aria-hidden="true">{unread > 99 ? "99+" : unread}</span>
              <span class="visually-hidden">{tn("1 unread message", "{n} unread messages", unread)}</span>
            </span>
          ) : null}
        </span>
      </a>
    </li>
  );
});

function Talks({ current }: { current: string | undefined }): VNode {
  const chat = useChat();
  const some = chat.recent.value;
  return (
    <section class="talks" aria-label={t("Conversations")}>
      <header class="list-head">
        <div class="list-title">
          <h1>{t("Chat")}</h1>
        </div>
        <IconButton icon="plus" label={t("New conversation")} onClick={() => openPickContact(chat)} />
      </header>
      <LinkLine />
      {some.length ? (
        <ul class="talk-list">
          {some.map((conversation) => (
            <Item key={conversation.jid} conversation={conversation} current={conversation.jid === current} />
          ))}
        </ul>
      ) : chat.roster.loaded.value ? (
        <EmptyState icon="chat" title={t("No conversations yet")} text={t("Choose somebody to talk to.")}>
          <Button kind="primary" icon="plus" onClick={() => openPickContact(chat)}>
            {t("New conversation")}
          </Button>
        </EmptyState>
      ) : null}
    </section>
  );
}

function Talk({ jid }: { jid: string }): VNode {
  const chat = useChat();
  const heading = useId();
  const actions = (
    <span class="chat-actions">
      <MenuButton label={t("Menu of {name}", { name: chat.roster.nameOf(jid) })} items={() => conversationEntries(chat, jid)}>
        <Icon name="more" />
      </MenuButton>
      {isPhone.value ? null : (
        <IconButton
          icon="pane"
          label={t("Dock at the lower edge")}
          onClick={() => {
            navigate({ page: "mail", folder: "inbox" });
            chat.windows.open(jid);
          }}
        />
      )}
    </span>
  );
  const back = isPhone.value ? <IconButton icon="back" label={t("Back to the conversations")} onClick={() => navigate({ page: "chat" })} /> : null;
  return (
    <section class="talk-open" aria-labelledby={heading} data-keys="off">
      <ConversationView key={jid} conversation={chat.conversation(jid)} focus={!isPhone.value} heading={heading} before={back} actions={actions} />
    </section>
  );
}

export function PageView({ jid: given }: { jid: string | undefined }): VNode {
  const jid = given === undefined ? undefined : jidOfAddress(given);
  if (isPhone.value) return <div class="chat-page">{jid === undefined ? <Talks current={undefined} /> : <Talk jid={jid} />}</div>;
  return (
    <div class="chat-page chat-page-wide">
      <Talks current={jid} />
      {jid === undefined ? (
        <div class="talk-open">
          <EmptyState icon="chat" title={t("No conversation is open")} text={t("Choose one from the list, or a contact.")} />
        </div>
      ) : (
        <Talk jid={jid} />
      )}
    </div>
  );
}
