/** The chunk of chat: makes the model and the components for the shell's slots. */
import type { ComponentType, VNode } from "preact";
import type { Session } from "../core/session.js";
import { PageView } from "./chat-page.js";
import { ContactsView } from "./contacts-view.js";
import { ChatContext } from "./context.js";
import { Dock } from "./dock.js";
import type { ChatParts } from "./index.js";
import { Chat } from "./model.js";
import { OwnPresenceView } from "./own-presence-view.js";

/** A component with its chat around it: the slots lie far apart in the page. */
function within<P extends object>(chat: Chat, Inner: ComponentType<P>): ComponentType<P> {
  return function Within(props: P): VNode {
    return (
      <ChatContext.Provider value={chat}>
        <Inner {...props} />
      </ChatContext.Provider>
    );
  };
}

export function start(session: Session): ChatParts {
  const chat = new Chat(session);
  chat.start();
  addEventListener("beforeunload", (event) => {
    if (chat.hasUnsent()) event.preventDefault(); // the browser asks in its own words
  });
  return {
    Contacts: within(chat, ContactsView),
    Dock: within(chat, Dock),
    Page: within(chat, PageView),
    OwnPresence: within(chat, OwnPresenceView),
    open: chat.open,
  };
}
