/** One letter being written: its fields, its files, its draft on the server. */
import { computed, signal } from "@preact/signals";
import { explain } from "../core/http.js";
import { t } from "../core/i18n.js";
import type { Id } from "../jmap/types.js";
import { DraftSaver } from "./draft-saver.js";
import { Gone, Refused, type Drafts, type Sent } from "./drafts.js";
import { Files, type FileLimits } from "./files.js";
import { chosenIdentity, type Identity } from "./identities.js";
import type { Keeper } from "./keeping.js";
import type { Answered, Format, Letter, Recipient } from "./letter.js";
import { HAND_OVER_WITHIN, isUnreached, problemsOf, within } from "./outcomes.js";
import { Queued } from "./queued.js";
import { beginning, NO_QUOTE, type Quote } from "./quoting.js";
import { ServerCopy, type CopyState } from "./server-copy.js";
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
  readonly moved: (composer: Composer, before: Id | null, now: Id) => void;
}

/** A letter on its way from one tab to another. */
export interface Handed {
  readonly key: string;
  readonly letter: Letter;
  readonly copy: CopyState;
  /** Some of it is not on the server yet. */
  readonly dirty: boolean;
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
  readonly queued = new Queued();
  /** Another tab of this browser writes it; here it is only shown to be there. */
  readonly elsewhere = signal(false);
  /** The draft it goes on from is no longer what it was: the one who writes is asked what is to be done with this version. */
  readonly contested = signal(false);
  /** Why it could not be sent, in words; and against which addresses. */
  readonly failure = signal<string | null>(null);
  readonly problems = signal<Readonly<Record<string, string>>>({});
  readonly files: Files;
  readonly saver: DraftSaver;
  readonly isEmpty = computed(() => !this.to.value.length && !this.cc.value.length && !this.bcc.value.length && !this.subject.value && !this.files.list.value.length);
  private readonly copy: ServerCopy;
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
  /** The last attempt to send did not reach the server: it may be tried again. */
  unreached = false;

  constructor(
    readonly key: string,
    readonly identities: readonly Identity[],
    private readonly tools: Tools,
  ) {
    this.identity = signal(identities[0]);
    this.files = new Files(tools.queue, tools.limits, () => this.saver.changed(), tools.complain, () => this.interrupt());
    this.copy = new ServerCopy(tools.drafts, () => this.letter(), (before, now, blobs) => {
      this.files.renamed(blobs);
      tools.moved(this, before, now);
    });
    this.saver = new DraftSaver({ save: () => this.save(), keep: () => this.keep(), saved: () => void this.forget(), explain });
  }

  /** The draft on the server that this goes on from, or null. */
  get draftId(): Id | null {
    return this.copy.id;
  }
  set draftId(id: Id | null) {
    this.copy.id = id;
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

  /** Goes on with a draft that lies on the server as it is here. */
  goOn(letter: Letter, copy: Partial<CopyState>): void {
    this.take(letter);
    this.copy.goOn(copy);
    this.elsewhere.value = false;
    this.contested.value = false;
    this.saver.settle();
    this.saver.resume();
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

  /** The text as it was put in last. */
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
    this.interrupt();
    this.failure.value = null;
    this.saver.changed();
  }

  /** What is being changed is not to go off by itself. */
  private interrupt(): void {
    if (this.queued.againAt.peek() !== null || this.sending.peek()) this.unqueue();
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
    return !this.elsewhere.peek() && (this.saver.dirty || this.files.pending.peek() > 0 || this.sending.peek() || this.queued.waits.peek());
  }

  private async save(): Promise<void> {
    const identity = this.identity.peek();
    if (!identity || this.gone || this.elsewhere.peek()) return;
    try {
      if (await this.copy.save(identity)) return;
    } catch (error) {
      this.contest(error);
      throw error;
    }
    this.failure.value = t("This message was sent: only the answer of the server was lost.");
  }

  /** Where another version is, nothing is saved until the one who writes has said what is to be done. */
  private contest(error: unknown): void {
    if (!(error instanceof Gone)) return;
    this.contested.value = true;
    void this.saver.hold();
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
    if (this.contested.peek() || this.elsewhere.peek()) this.unreached = false; // nor later by itself
    if (!identity || this.sending.peek() || this.contested.peek() || this.elsewhere.peek()) return null;
    this.sending.value = true;
    if (!this.unreached) this.failure.value = null; // no flicker while it is tried again and again
    this.problems.value = {};
    try {
      await this.saver.hold();
      const attempt = await this.copy.send(identity);
      if ("refused" in attempt) {
        if (attempt.draft) this.saver.settle();
        throw new Refused(attempt.refused);
      }
      this.unreached = false;
      this.failure.value = null;
      this.saver.settle();
      await this.forget();
      return attempt.sent;
    } catch (error) {
      this.say(error);
      return null;
    } finally {
      this.sending.value = false;
      if (!this.contested.peek()) this.saver.resume();
    }
  }

  private say(error: unknown): void {
    this.unreached = isUnreached(error);
    this.contest(error);
    if (error instanceof Gone) this.failure.value = null; // it is asked about in the window
    else if (error instanceof Refused) {
      this.failure.value = error.message;
      this.problems.value = problemsOf(error.reason, error.message);
    } else this.failure.value = explain(error);
  }

  /** The server may be there again: what waits for it is tried now. */
  retry(): void {
    this.saver.retry();
    this.files.retry();
    this.queued.now();
  }

  /** It is not to be sent by itself after all. */
  unqueue(): void {
    if (!this.queued.stop()) return;
    this.unreached = false;
    this.failure.value = null;
    this.saver.changed(); // finds out what became of the attempts
  }

  /** Gives the letter to another tab, and writes no more of it here; in words why not, if that cannot be now. */
  async handOver(): Promise<Handed | string> {
    if (this.sending.peek() || this.queued.waits.peek()) return t("It is being sent in the other tab.");
    if (this.files.pending.peek() > 0) return t("Files of it are still on their way in the other tab.");
    this.content();
    this.elsewhere.value = true;
    if (!(await within(HAND_OVER_WITHIN, this.saver.hold()))) {
      this.elsewhere.value = false;
      this.saver.resume();
      return t("It is being saved in the other tab. Try again in a moment.");
    }
    const { dirty } = this.saver;
    if (dirty) await this.keepNow(); // until the other tab has it in safety
    this.saver.settle();
    return { key: this.key, letter: this.letter(), copy: this.copy.state, dirty };
  }

  /** Goes on with what another tab gave. */
  async receive({ key, letter, copy, dirty }: Handed): Promise<void> {
    this.goOn(letter, copy);
    if (dirty || this.copy.isUncertain) {
      this.touch();
      await this.keepNow();
    }
    if (key !== this.key) await this.tools.keeper.remove(key);
  }

  /** Keeps this version as a draft of its own, beside whatever became of the one it goes on from. */
  keepApart(): void {
    this.copy.goOn({});
    this.contested.value = false;
    this.saver.resume();
    this.touch();
    this.saver.retry();
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
