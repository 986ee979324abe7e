/** Chat over XMPP (RFC 7395). Not written yet: the slots stay empty. */
import type { Session } from "../core/session.js";
import type { ChatParts } from "./index.js";

export function start(session: Session): ChatParts | null {
  console.debug("chat: no client for", session.jid);
  return null;
}
