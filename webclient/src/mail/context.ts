/** How components reach the mail of this tab. */
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Commands } from "./commands.js";
import type { Mail } from "./model.js";

export interface MailServices {
  readonly mail: Mail;
  readonly commands: Commands;
}

export const MailContext = createContext<MailServices | null>(null);

export function useMail(): MailServices {
  const found = useContext(MailContext);
  if (!found) throw new Error("no mail outside of <MailContext.Provider>");
  return found;
}
