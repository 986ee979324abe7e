/** Gives the views their chat. */
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Chat } from "./model.js";

export const ChatContext = createContext<Chat | null>(null);

export function useChat(): Chat {
  const chat = useContext(ChatContext);
  if (!chat) throw new Error("no chat around this component");
  return chat;
}
