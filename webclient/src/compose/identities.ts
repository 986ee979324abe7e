/** As whom the account may send (RFC 8621 §6). */
import type { JmapClient } from "../jmap/client.js";
import type { EmailAddress, GetResponse, Id } from "../jmap/types.js";

export interface Identity {
  readonly id: Id;
  readonly name: string;
  readonly email: string;
  readonly replyTo: readonly EmailAddress[] | null;
  readonly bcc: readonly EmailAddress[] | null;
  readonly textSignature: string;
  readonly htmlSignature: string;
}

export class Identities {
  private list: readonly Identity[] = [];
  private loading: Promise<readonly Identity[]> | null = null;

  constructor(private readonly client: JmapClient) {}

  /** Asks the server, each time: they are few, and settings change them. What was known serves when it cannot be asked. */
  load(): Promise<readonly Identity[]> {
    this.loading ??= this.ask().finally(() => (this.loading = null));
    return this.loading;
  }

  private async ask(): Promise<readonly Identity[]> {
    try {
      const answer = await this.client.call<GetResponse<Identity>>("Identity/get", { ids: null });
      this.list = answer.list;
    } catch (error) {
      if (!this.list.length) throw error;
    }
    return this.list;
  }
}

/** The addresses of identities, in lower case. */
export function addressesOf(identities: readonly Identity[]): readonly string[] {
  return identities.map(({ email }) => email.toLowerCase());
}

/** The identity of an id, else of an address, else the first. */
export function chosenIdentity(identities: readonly Identity[], id: Id | null, address?: string): Identity | undefined {
  const wanted = address?.toLowerCase();
  return identities.find((one) => one.id === id) ?? identities.find((one) => one.email.toLowerCase() === wanted) ?? identities[0];
}
