/** Whole messages, fetched when opened, and the frames HTML bodies are shown in. */
import { request } from "../core/http.js";
import { send } from "../core/leaving.js";
import { MethodError, type JmapClient } from "../jmap/client.js";
import { BODY_PROPERTIES, FULL_PROPERTIES, type EmailFull, type GetResponse, type Id } from "../jmap/types.js";

const KEPT = 40;
/** Octets of text taken over; more is cut and said so. */
const MAX_TEXT = 512 * 1024;

export interface FrameAnswer {
  readonly url: string;
  readonly hasRemoteImages: boolean;
  /** Seconds the address works. */
  readonly expires: number;
}

export class Bodies {
  private readonly known = new Map<Id, EmailFull>();
  constructor(private readonly client: JmapClient) {}

  peek(id: Id): EmailFull | undefined {
    return this.known.get(id);
  }
  forget(ids: readonly Id[]): void {
    for (const id of ids) this.known.delete(id);
  }

  async load(id: Id, signal?: AbortSignal): Promise<EmailFull> {
    const found = this.known.get(id);
    if (found) return found;
    const args = {
      ids: [id],
      properties: FULL_PROPERTIES,
      bodyProperties: BODY_PROPERTIES,
      fetchTextBodyValues: true,
      maxBodyValueBytes: MAX_TEXT,
    };
    const answer = await this.client.call<GetResponse<EmailFull>>("Email/get", args, signal);
    const email = answer.list[0];
    if (!email) throw new MethodError("notFound");
    this.known.set(id, email);
    for (const old of this.known.keys()) {
      if (this.known.size <= KEPT) break;
      this.known.delete(old);
    }
    return email;
  }

  /** The address of the cleaned HTML body, for a sandboxed frame only. */
  frame(emailId: Id, remoteImages: boolean, colorScheme: "light" | "dark", signal: AbortSignal): Promise<FrameAnswer> {
    return request<FrameAnswer>("POST", "/api/frames", { emailId, remoteImages, colorScheme }, signal);
  }

  /** The message as it was received, as text (at most `limit` octets). */
  async source(blobId: Id, limit: number): Promise<{ text: string; cut: boolean }> {
    const response = await send(this.client.downloadUrl(blobId, "message.eml", "message/rfc822"), { credentials: "same-origin" });
    if (!response.ok) throw new MethodError("notFound");
    const blob = await response.blob();
    return { text: await blob.slice(0, limit).text(), cut: blob.size > limit };
  }
}
