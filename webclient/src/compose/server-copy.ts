/** What the server has of one letter: its draft, and what became of requests whose answers were lost. */
import { MethodError } from "../jmap/client.js";
import type { Id } from "../jmap/types.js";
import { Gone, Refused, type Attempt, type Base, type Drafts, type Found, type Sent } from "./drafts.js";
import type { Identity } from "./identities.js";
import type { Letter } from "./letter.js";

/** What another tab needs to know to go on. */
export interface CopyState {
  readonly base: Base | null;
  readonly messageId: string;
  readonly begun: number | null;
  readonly unanswered: number | null;
}

export class ServerCopy {
  id: Id | null = null;
  /** A state of Email at which the draft was among the drafts, or null. */
  private known: string | null = null;
  /** Stays the same while it is written: by it is found what an unanswered request did. */
  private messageId = "";
  /** When the first request for it began; when one began that was not answered. By the clock here. */
  private begun: number | null = null;
  private unanswered: number | null = null;
  /** It turned out to be sent, although the answer was lost. */
  private sentUnheard: Sent | null = null;

  constructor(
    private readonly drafts: Drafts,
    private readonly letter: () => Letter,
    /** Hears that the draft has another id now, and where its files lie. */
    private readonly became: (before: Id | null, now: Id, blobs: ReadonlyMap<Id, Id>) => void,
  ) {}

  /** Goes on from a draft; `state` as another tab left it. */
  goOn(state: Partial<CopyState>): void {
    this.id = state.base?.id ?? null;
    this.known = state.base?.state ?? null;
    this.messageId = state.messageId ?? "";
    this.begun = state.begun ?? null;
    this.unanswered = state.unanswered ?? null;
    this.sentUnheard = null;
  }

  get state(): CopyState {
    const { base, messageId, begun, unanswered } = this;
    return { base, messageId, begun, unanswered };
  }

  /** Whether nobody knows yet what a request did. */
  get isUncertain(): boolean {
    return this.unanswered !== null;
  }

  private get base(): Base | null {
    return this.id === null ? null : { id: this.id, state: this.known };
  }

  /** Saves the letter as it is; false when it turned out to be sent. Rejects with `Gone` when another version is in the place of its draft. */
  async save(identity: Identity): Promise<boolean> {
    await this.lookUp(identity);
    const saved = this.sentUnheard ? null : await this.replacing(identity, () => this.drafts.save(this.letter(), identity, this.base, this.idFor(identity)));
    if (saved) this.becomes(saved.id, saved.blobs, saved.state);
    return saved !== null;
  }

  /** Sends it, unless it turns out to be sent. */
  async send(identity: Identity): Promise<Attempt> {
    await this.lookUp(identity);
    const attempt = this.sentUnheard ? null : await this.replacing(identity, () => this.drafts.send(this.letter(), identity, this.base, this.idFor(identity)));
    if (attempt && "refused" in attempt) {
      if (attempt.draft) this.becomes(attempt.draft.id, attempt.draft.blobs, attempt.draft.state);
      return attempt;
    }
    const sent = attempt?.sent ?? this.sentUnheard;
    if (!sent) throw new TypeError("neither sent nor refused");
    if (attempt) this.becomes(sent.emailId, sent.blobs, null);
    this.sentUnheard = null;
    return { sent };
  }

  private idFor(identity: Identity): string {
    this.begun ??= Date.now();
    this.messageId ||= `${crypto.randomUUID()}@${identity.email.split("@").pop() ?? "localhost"}`;
    return this.messageId;
  }

  /** Asks for something that replaces the draft; null when it turned out to be sent. */
  private async replacing<T>(identity: Identity, ask: () => Promise<T>): Promise<T | null> {
    for (;;) {
      const before = this.id;
      try {
        return await this.heard(ask);
      } catch (error) {
        if (!(error instanceof Gone)) throw error;
        // Perhaps a request from here replaced it, which was given up and done all the same.
        this.unanswered = this.begun;
        await this.lookUp(identity);
        if (this.sentUnheard) return null;
        if (this.id === before) throw error;
      }
    }
  }

  /** Asks the server; notes it if no answer comes, as then nobody knows what was done. */
  private async heard<T>(ask: () => Promise<T>): Promise<T> {
    const begun = Date.now();
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Refused) && !(error instanceof MethodError) && !(error instanceof Gone)) this.unanswered ??= begun;
      throw error;
    }
  }

  /** Finds out what an unanswered request did, before anything is done again. */
  private async lookUp(identity: Identity): Promise<void> {
    if (this.unanswered === null) return;
    let found: Found = { sent: null, draft: null };
    try {
      found = await this.drafts.find(this.letter(), this.idFor(identity), this.unanswered);
    } catch (error) {
      if (!(error instanceof MethodError)) throw error; // still no answer
    }
    this.unanswered = null;
    this.sentUnheard = found.sent;
    const there = found.sent ? { id: found.sent.emailId, blobs: found.sent.blobs } : found.draft;
    if (there && there.id !== this.id) this.becomes(there.id, there.blobs, null);
  }

  private becomes(id: Id, blobs: ReadonlyMap<Id, Id>, state: string | null): void {
    const before = this.id;
    this.id = id;
    this.known = state;
    this.became(before, id, blobs);
  }
}
