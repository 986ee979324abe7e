/** Fetches the chunk of chat; apart from `index.ts`, so that pages without chat do not have it built along. */
import type { Session } from "../core/session.js";
import { chat, chatFailure } from "./index.js";

/** Loads chat; failure leaves mail as it is. */
export async function startChat(session: Session): Promise<void> {
  try {
    const { start } = await import("./main.js");
    chat.value = start(session);
  } catch (error) {
    console.error(error);
    chatFailure.value = error instanceof Error ? error.message : String(error);
  }
}
