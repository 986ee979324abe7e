/** One letter being written: its fields, its files, its draft on the server. */
import { computed, signal } from "@preact/signals";
import { explain } from "../core/http.js";
import { t } from "../core/i18n.js";
import { MethodError } from "../jmap/client.js";
import type { Id } from "../jmap/types.js";
import { DraftSaver } from "./draft-saver.js";
import { Refused, type Drafts, type Found, type Refusal, type Sent } from "./drafts.js";
import { Files, type FileLimits } from "./files.js";
import { chosenIdentity, type Identity } from "./identities.js";
import type { Keeper } from "./keeping.js";
import type { Answered, Format, Letter, Recipient } from "./letter.js";
import { beginning, NO_QUOTE, type Quote } from "./quoting.js";
import type { UploadQueue } from "./uploads.js";

/** What all letters of a tab share. */
export interface Tools {
  readonly accountId: Id;
  readonly drafts: Drafts;
  readonly queue: UploadQueue;
  readonly limits: FileLimits;
  readonly keeper: Keeper;
  /** Shows why something was not done. */
  readonly complain: (text: string) => void;
  /** Hears that the draft has got another id. */
  readonly moved: (before: Id | null, now: Id) => void;
}

/** What the text is read from while it is on the screen. */
export interface TextSource {
  readonly html: () => string;
  readonly text: () => string;
}

export type Field = "to" | "cc" | "bcc" | "subject" | "body";

export class Composer {
  readonly to = signal<readonly Recipient[]>([]);
  readonly cc = signal<readonly Recipient[]>([]);
  readonly bcc = signal<readonly Recipient[]>([]);
  readonly subject = signal("");
  readonly format = signal<Format>("plain");
  readonly identity: ReturnType<typeof signal<Identity>>;
  /** Counts up when the text was replaced from outside of its editor. */
  readonly replaced = signal(0);
  /** True when the text is to get the focus as soon as it can. */
  readonly bodyWanted = signal(false);
  readonly sending = signal(false);
  /** True while it is to be sent as soon as its files are there. */
  readonly queued = signal(false);
  /** Why it could not be sent, in words; and against which addresses. */
  readonly failure = signal<string | null>(null);
  readonly problems = signal<Readonly<Record<string, string>>>({});
  readonly files: Files;
  readonly saver: DraftSaver;
  readonly isEmpty = computed(() => !this.to.value.length && !this.cc.value.length && !this.bcc.value.length && !this.subject.value && !this.files.list.value.length);
  draftId: Id | null = null;
  /** Where the focus goes when it is shown. */
  focus: Field = "to";
  private html = "";
  private text = "";
  private source: TextSource | null = null;
  private quote: Quote = NO_QUOTE;
  private inReplyTo: readonly string[] = [];
  private references: readonly string[] = [];
  private answered: Answered | null = null;
  private textTouched = false;
  private keepTimer: ReturnType<typeof setTimeout> | undefined;
  private gone = false;
  /** Stays the same while it is written: by it is found what an unanswered request did. */
  private messageId = "";
  /** When a request began that was not answered, by the clock here. */
  private unanswered: number | null = null;
  /** It turned out to be sent, although the answer was lost. */
  private sentUnheard: Sent | null = null;

  constructor(
    readonly key: string,
    readonly identities: readonly Identity[],
    private readonly tools: Tools,
  ) {
    this.identity = signal(identities[0]);
    this.files = new Files(tools.queue, tools.limits, () => this.saver.changed(), tools.complain);
    this.saver = new DraftSaver({ save: () => this.save(), keep: () => this.keep(), saved: () => void this.forget(), explain });
  }

  /** Nothing was written yet, and nothing of it is on the server. */
  private get isUntouched(): boolean {
    return !this.textTouched && this.draftId === null && !this.saver.dirty;
  }

  /** Takes over a letter as it is. */
  take(letter: Letter): void {
    this.to.value = letter.to;
    this.cc.value = letter.cc;
    this.bcc.value = letter.bcc;
    this.subject.value = letter.subject;
    this.format.value = letter.format;
    this.identity.value = chosenIdentity(this.identities, letter.identityId);
    this.files.reset(letter.parts);
    this.inReplyTo = letter.inReplyTo;
    this.references = letter.references;
    this.answered = letter.answered;
    this.textTouched = true;
    this.setText(letter.html, letter.text);
  }

  /** Begins the text: what is given, the signature, the quotation. */
  begin(own: string, quote: Quote): void {
    this.quote = quote;
    const made = this.beginningFor(own);
    this.setText(made.html, made.text);
    this.textTouched = own !== "";
  }

  private beginningFor(own: string): { html: string; text: string } {
    const identity = this.identity.peek();
    return beginning(own, { text: identity?.textSignature ?? "", html: identity?.htmlSignature ?? "" }, this.quote);
  }

  private setText(html: string, text: string): void {
    this.html = html;
    this.text = text;
    this.replaced.value += 1;
  }

  /** The text as it was put in last, for an editor that begins. */
  get stored(): { readonly html: string; readonly text: string } {
    return { html: this.html, text: this.text };
  }

  /** The text as it is now. */
  content(): { html: string; text: string } {
    if (this.source) {
      this.text = this.source.text();
      this.html = this.format.peek() === "html" ? this.source.html() : "";
    }
    return { html: this.html, text: this.text };
  }

  /** The editor shows itself, or leaves. */
  attach(source: TextSource): () => void {
    this.source = source;
    return () => {
      if (this.source !== source) return;
      this.content();
      this.source = null;
    };
  }

  textChanged(): void {
    this.textTouched = true;
    this.touch();
  }

  /** Something was changed by the one who writes. */
  touch(): void {
    this.failure.value = null;
    this.saver.changed();
  }

  set(field: "to" | "cc" | "bcc", value: readonly Recipient[]): void {
    this[field].value = value;
    this.touch();
  }

  setSubject(value: string): void {
    this.subject.value = value;
    this.touch();
  }

  /** Writes as somebody else; a text that is as it began gets the other signature. */
  setIdentity(identity: Identity): void {
    const before = this.identity.value;
    this.identity.value = identity;
    if (!this.textTouched) {
      const made = this.beginningFor("");
      this.setText(made.html, made.text);
    } else if (this.format.value === "plain" && before?.textSignature) {
      const { text } = this.content();
      const old = `-- \n${before.textSignature.trimEnd()}`;
      const fresh = identity.textSignature ? `-- \n${identity.textSignature.trimEnd()}` : "";
      if (text.includes(old)) this.setText("", text.replace(old, () => fresh));
    }
    if (!this.isUntouched) this.touch();
  }

  /** Changes between formatted and plain; `converted` is the text in the other form. */
  setFormat(format: Format, converted: { html: string; text: string }): void {
    this.source = null;
    this.format.value = format;
    this.setText(converted.html, converted.text);
    if (!this.isUntouched) this.touch();
  }

  letter(): Letter {
    const { html, text } = this.content();
    const { to, cc, bcc, subject, format, inReplyTo, references, answered } = this;
    return {
      identityId: this.identity.peek()?.id ?? null,
      to: to.peek(), cc: cc.peek(), bcc: bcc.peek(), subject: subject.peek(), format: format.peek(),
      html, text, parts: this.files.parts(), inReplyTo, references, answered,
    };
  }

  setThread(inReplyTo: readonly string[], references: readonly string[], answered: Answered | null): void {
    this.inReplyTo = inReplyTo;
    this.references = references;
    this.answered = answered;
  }

  get answers(): Answered | null {
    return this.answered;
  }

  /** Whether a reload now would lose something: files on their way; all else is kept. */
  get unfinished(): boolean {
    return this.saver.dirty || this.files.pending.peek() > 0 || this.sending.peek();
  }

  private async save(): Promise<void> {
    const identity = this.identity.peek();
    if (!identity || this.gone) return;
    await this.lookUp(identity);
    if (this.sentUnheard) {
      this.failure.value = t("This message was sent: only the answer of the server was lost.");
      return;
    }
    const saved = await this.heard(() => this.tools.drafts.save(this.letter(), identity, this.draftId, this.idFor(identity)));
    this.becomes(saved.id, saved.blobs);
  }

  private idFor(identity: Identity): string {
    this.messageId ||= `${crypto.randomUUID()}@${identity.email.split("@").pop() ?? "localhost"}`;
    return this.messageId;
  }

  /** Asks the server; notes it if no answer comes, as then nobody knows what was done. */
  private async heard<T>(ask: () => Promise<T>): Promise<T> {
    const begun = Date.now();
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Refused) && !(error instanceof MethodError)) this.unanswered ??= begun;
      throw error;
    }
  }

  /** Finds out what an unanswered request did, before anything is done again. */
  private async lookUp(identity: Identity): Promise<void> {
    if (this.unanswered === null) return;
    let found: Found = { sent: null, draft: null };
    try {
      found = await this.tools.drafts.find(this.letter(), this.idFor(identity), this.unanswered);
    } catch (error) {
      if (!(error instanceof MethodError)) throw error; // still no answer
    }
    this.unanswered = null;
    this.sentUnheard = found.sent;
    const there = found.sent ? { id: found.sent.emailId, blobs: found.sent.blobs } : found.draft;
    if (there && there.id !== this.draftId) this.becomes(there.id, there.blobs);
  }

  private becomes(id: Id, blobs: ReadonlyMap<Id, Id>): void {
    const before = this.draftId;
    this.draftId = id;
    this.files.renamed(blobs);
    this.tools.moved(before, id);
  }

  /** Keeps the letter in the browser, soon: not at every key. */
  private keep(): void {
    this.keepTimer ??= setTimeout(() => {
      this.keepTimer = undefined;
      if (this.saver.dirty && !this.gone) void this.keepNow();
    }, 250);
  }

  keepNow(): Promise<void> {
    return this.tools.keeper.put({ key: this.key, accountId: this.tools.accountId, draftId: this.draftId, letter: this.letter() });
  }

  private async forget(): Promise<void> {
    clearTimeout(this.keepTimer);
    this.keepTimer = undefined;
    await this.tools.keeper.remove(this.key);
  }

  /** Sends; null when the server refused, which is then said at the fields. Rejects never. */
  async send(): Promise<Sent | null> {
    const identity = this.identity.peek();
    if (!identity || this.sending.peek()) return null;
    this.sending.value = true;
    this.failure.value = null;
    this.problems.value = {};
    try {
      await this.saver.hold();
      await this.lookUp(identity);
      const unheard = this.sentUnheard;
      this.sentUnheard = null;
      if (unheard) {
        this.saver.settle();
        await this.forget();
        return unheard;
      }
      const attempt = await this.heard(() => this.tools.drafts.send(this.letter(), identity, this.draftId, this.idFor(identity)));
      if ("refused" in attempt) {
        if (attempt.draft) {
          this.becomes(attempt.draft.id, attempt.draft.blobs);
          this.saver.settle();
        }
        throw new Refused(attempt.refused);
      }
      this.becomes(attempt.sent.emailId, attempt.sent.blobs);
      this.saver.settle();
      await this.forget();
      return attempt.sent;
    } catch (error) {
      this.say(error);
      return null;
    } finally {
      this.sending.value = false;
      this.saver.resume();
    }
  }

  private say(error: unknown): void {
    if (error instanceof Refused) {
      this.failure.value = error.message;
      this.problems.value = problemsOf(error.reason, error.message);
    } else this.failure.value = explain(error);
  }

  /** It is written no more: nothing is saved or kept from now on. */
  async abandon(): Promise<void> {
    this.gone = true;
    this.files.abandon();
    await this.saver.hold();
    await this.forget();
  }

  /** It is written again, after all. */
  revive(): void {
    this.gone = false;
    this.saver.resume();
  }
}

function problemsOf(reason: Refusal, words: string): Readonly<Record<string, string>> {
  return Object.fromEntries((reason.invalidRecipients ?? []).map((address) => [address.toLowerCase(), words]));
}
