/** One conversation as it stands in a docked window and on the page. */
import type { ComponentChildren, VNode } from "preact";
import { t } from "../core/i18n.js";
import { Avatar, showText } from "../ui/avatar.js";
import { Composer } from "./composer.js";
import { useChat } from "./context.js";
import type { Conversation } from "./conversation.js";
import { presenceOf } from "./index.js";
import { addressOfJid, localOf } from "./jids.js";
import { Log } from "./log.js";

/** What the other side does or is, for the line below the name. */
export function Status({ conversation }: { conversation: Conversation }): VNode {
  const address = addressOfJid(conversation.jid);
  const presence = presenceOf(address).value;
  if (conversation.typing.value) {
    return (
      <span class="chat-status chat-typing">
        {t("is typing")}
        <span class="dots" aria-hidden="true">
          <i />
          <i />
          <i />
        </span>
      </span>
    );
  }
  if (!presence) {
    return (
      <span class="chat-status" dir="ltr">
        {address}
      </span>
    );
  }
  const show = showText(presence.show);
  return (
    <span class="chat-status" dir="auto">
      {presence.status ? t("{show} · {status}", { show, status: presence.status }) : show}
    </span>
  );
}

/** Why nothing can be written; null when it can. */
function obstacle(jid: string): string | null {
  return localOf(jid) === jid && !jid.includes("@") ? t("Announcements of the server cannot be answered.") : null;
}

interface Props {
  readonly conversation: Conversation;
  readonly focus: boolean;
  readonly heading: string;
  readonly before?: ComponentChildren;
  readonly actions: ComponentChildren;
}

export function ConversationView({ conversation, focus, heading, before, actions }: Props): VNode {
  const chat = useChat();
  const name = chat.roster.nameOf(conversation.jid);
  const hindered = obstacle(conversation.jid);
  const offline = chat.link.state.value.phase !== "online";
  const Title = before ? "h1" : "h2"; // with a way back it is the only heading of a phone's page
  return (
    <>
      <header class="chat-head">
        {before}
        <Avatar name={name} address={addressOfJid(conversation.jid)} size={34} />
        <div class="chat-who">
          <Title id={heading} dir="auto" title={addressOfJid(conversation.jid)}>
            {name}
          </Title>
          <Status conversation={conversation} />
        </div>
        {actions}
      </header>
      <Log key={conversation.jid} conversation={conversation} />
      <p class="visually-hidden" role="status">
        {conversation.typing.value ? t("{name} is typing", { name }) : ""}
      </p>
      {offline && hindered === null ? (
        <p class="chat-offline" role="status">
          {t("Not connected. What you write is sent when the connection is back.")}
        </p>
      ) : null}
      {hindered === null ? <Composer conversation={conversation} focus={focus} /> : <p class="chat-hindered">{hindered}</p>}
    </>
  );
}
