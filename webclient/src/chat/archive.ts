/** Fetches pages of one's archive (XEP-0313); what it sends before its answer is gathered here. */
import type { Element } from "@xmpp/xml";
import { readArchived, readPageEnd, type ArchivePageEnd, type ReadMessage } from "./reading.js";
import { archiveQuery, type ArchiveQuery } from "./stanzas.js";
import type { Stream } from "./stream.js";

export interface ArchivePage extends ArchivePageEnd {
  /** Oldest first. */
  readonly messages: readonly ReadMessage[];
}

const TIMEOUT = 30_000;

export class Archive {
  private readonly open = new Map<string, ReadMessage[]>();
  private next = 1;

  /** `own` is one's bare JID. */
  constructor(
    private readonly stream: Stream,
    private readonly own: string,
  ) {}

  /** Takes a stanza if it is a result of a query of ours. */
  take(stanza: Element): boolean {
    const read = readArchived(stanza, this.own, Date.now());
    if (!read) return false;
    // A result of a query that nobody waits for any more is no message either.
    if (read.message) this.open.get(read.queryid)?.push(read.message);
    return true;
  }

  async page(query: ArchiveQuery): Promise<ArchivePage> {
    const queryid = `q${this.next++}`;
    const messages: ReadMessage[] = [];
    this.open.set(queryid, messages);
    try {
      const answer = await this.stream.request(archiveQuery(queryid, query), TIMEOUT);
      return { ...readPageEnd(answer), messages };
    } finally {
      this.open.delete(queryid);
    }
  }
}
