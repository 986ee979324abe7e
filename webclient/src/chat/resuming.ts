/**
 * Stream management (XEP-0198) of one stream: says what has arrived, and
 * takes up a stream that was lost, so that nobody sees one go and come.
 *
 * What one sent oneself is not counted: `Outbox` looks in the archive for what
 * was on its way when the connection broke.
 */
import type { Client } from "@xmpp/client-core";
import type { StreamFeatures } from "@xmpp/stream-features";
import xml, { type Element } from "@xmpp/xml";
import { NS } from "./ns.js";

/** What takes a lost stream up again. */
export interface Kept {
  readonly id: string;
  readonly jid: string;
  /** How many stanzas had arrived, modulo 2^32. */
  readonly handled: number;
}

/** Seconds the server is asked to wait for one to come back. */
const WAIT = 120;
const MODULUS = 2 ** 32;

export class Management {
  private id = "";
  private handled = 0;
  private counting = false;
  private answered: (resumed: boolean) => void = () => undefined;

  /** Made before binding is: to resume comes instead of that. `onResumed` is called in the event of the server's answer. */
  constructor(
    private readonly entity: Client,
    features: StreamFeatures,
    private readonly former: Kept | null,
    private readonly onResumed: () => void,
  ) {
    entity.on("stanza", () => {
      if (this.counting) this.handled = (this.handled + 1) % MODULUS;
    });
    entity.on("nonza", (element) => {
      if (element.getNS() === NS.management) this.take(element);
    });
    features.use("sm", NS.management, async (_context: unknown, next: () => Promise<unknown>) => {
      if (this.former && (await this.resume(this.former))) return;
      await next();
      await entity.send(xml("enable", { xmlns: NS.management, resume: "true", max: `${WAIT}` }));
    });
  }

  /** What would take this stream up again; null if nothing does. */
  kept(): Kept | null {
    const jid = this.entity.jid?.toString();
    return this.id && jid ? { id: this.id, jid, handled: this.handled } : null;
  }

  private resume({ id, handled }: Kept): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.answered = resolve;
      this.entity.send(xml("resume", { xmlns: NS.management, previd: id, h: `${handled}` })).catch(reject);
    });
  }

  private take(element: Element): void {
    if (element.name === "r") {
      this.entity.send(xml("a", { xmlns: NS.management, h: `${this.handled}` })).catch(() => undefined);
    } else if (element.name === "enabled") {
      this.counting = true;
      this.id = element.attrs["resume"] === "true" ? (element.attrs["id"] ?? "") : "";
    } else if (element.name === "resumed" && this.former) {
      this.counting = true;
      this.id = this.former.id;
      this.handled = this.former.handled;
      this.entity._jid(this.former.jid);
      this.entity._ready(true);
      this.onResumed();
      this.answered(true);
    } else if (element.name === "failed") this.answered(false);
  }
}
