/** Where one writes: Enter sends, Shift+Enter begins a new line. */
import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { t } from "../core/i18n.js";
import { IconButton } from "../ui/button.js";
import { useChat } from "./context.js";
import type { Conversation } from "./conversation.js";
import { presenceOf } from "./index.js";
import { addressOfJid } from "./jids.js";
import { MAX_BODY } from "./stanzas.js";
import { Typing } from "./typing.js";

/** Pixels the field grows to. */
const TALLEST = 160;

function grow(field: HTMLTextAreaElement): void {
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight + 2, TALLEST)}px`;
}

/** Tells the other side that one is typing, if they may know that one is there, and are there themselves. */
function useTyping(jid: string): Typing {
  const chat = useChat();
  const typing = useMemo(() => {
    const isSeen = (): boolean => chat.roster.isSeenBy(jid) && presenceOf(addressOfJid(jid)).value?.show !== "offline" && chat.own.chosen.value.show !== "offline";
    return new Typing(jid, (stanza) => isSeen() && chat.whisper(stanza));
  }, [chat, jid]);
  useEffect(() => () => typing.stop(), [typing]);
  return typing;
}

export function Composer({ conversation, focus }: { conversation: Conversation; focus: boolean }): VNode {
  const chat = useChat();
  const field = useRef<HTMLTextAreaElement>(null);
  const typing = useTyping(conversation.jid);
  const draft = conversation.draft.value;
  useLayoutEffect(() => {
    if (field.current) grow(field.current);
  }, [draft]);
  useEffect(() => {
    if (focus) field.current?.focus();
  }, [focus, conversation]);
  const send = (event: Event): void => {
    event.preventDefault();
    field.current?.focus();
    if (!draft.trim()) return;
    chat.outbox.send(conversation, draft.trim());
    typing.sent();
    conversation.draft.value = "";
  };
  return (
    <form class="composer" onSubmit={send}>
      <textarea
        ref={field}
        rows={1}
        dir="auto"
        maxLength={MAX_BODY}
        enterkeyhint="send"
        aria-label={t("Message to {name}", { name: chat.roster.nameOf(conversation.jid) })}
        placeholder={t("Write a message")}
        value={draft}
        onInput={(event) => {
          conversation.draft.value = event.currentTarget.value;
          typing.input(event.currentTarget.value.trim() !== "");
        }}
        onBlur={() => typing.stop()}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.shiftKey && !event.isComposing) send(event);
        }}
      />
      <IconButton icon="send" class="send" label={t("Send")} disabled={!draft.trim()} onClick={send} />
    </form>
  );
}
