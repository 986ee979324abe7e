/** The letters being written in this tab, and what becomes of them: closed, discarded, sent, taken back. */
import { computed, effect, signal } from "@preact/signals";
import { explain } from "../core/http.js";
import { t } from "../core/i18n.js";
import type { Id } from "../jmap/types.js";
import { isPhone } from "../shell/layout.js";
import { confirmDialog } from "../ui/dialog.js";
import { toast, toastError } from "../ui/toast.js";
import { arrange, type WindowState } from "./arrange.js";
import { begin } from "./begin.js";
import { Composer, type Tools } from "./composer.js";
import { Gone } from "./drafts.js";
import { addressesOf, type Identities, type Identity } from "./identities.js";
import { beside, covering, taken, type ComposeRequest } from "./index.js";
import { heldLetters, holdLetter, type Kept } from "./keeping.js";
import { remember, remembered } from "./remembered.js";
import { sendLetter, type SendTools } from "./sending.js";
import { Tabs, type Claim, type How, type Note } from "./tabs.js";

export interface Opened {
  readonly composer: Composer;
  readonly state: WindowState;
}

export class Desk {
  readonly list = signal<readonly Opened[]>([]);
  /** Pixels there are side by side. */
  readonly width = signal(innerWidth);
  readonly arranged = computed(() => arrange(this.list.value, this.width.value - beside.value));
  /** The letter whose window is to get the focus when it is drawn. */
  readonly focusing = signal<string | null>(null);
  private readonly releases = new Map<string, () => void>();
  /** The right to write a letter's draft, by the key of its composer. */
  private readonly claims = new Map<string, Claim>();
  private readonly opening = new Set<Id>();
  private readonly tools: Tools;
  private readonly tabs: Tabs;

  constructor(
    tools: Omit<Tools, "moved">,
    private readonly identities: Identities,
    private readonly fallback: Identity,
    private readonly undoing: SendTools,
    /** Hears that a draft has got another id. */
    renamed: (before: Id, now: Id) => void,
  ) {
    const moved = (composer: Composer, before: Id | null, now: Id): void => {
      this.remember();
      void this.named(composer, now);
      if (before !== null) renamed(before, now);
    };
    this.tools = { ...tools, moved };
    this.tabs = new Tabs(tools.accountId, (note) => this.onNote(note));
    addEventListener("resize", () => (this.width.value = innerWidth));
    addEventListener("online", () => this.retry());
    addEventListener("beforeunload", (event) => {
      if (this.list.peek().some(({ composer }) => composer.unfinished)) event.preventDefault();
    });
    addEventListener("pagehide", () => {
      for (const { composer } of this.list.peek()) if (composer.saver.dirty && !composer.elsewhere.peek()) void composer.keepNow();
    });
    effect(() => {
      taken.value = isPhone.value ? 0 : this.arranged.value.taken;
      covering.value = isPhone.value ? this.list.value.length > 0 : this.list.value.some(({ state }) => state === "full");
    });
  }

  /** The server may be there again. */
  retry(): void {
    for (const { composer } of this.list.peek()) composer.retry();
  }

  /** Opens a window for a request; one that has the draft already comes to the front. */
  async open(request: ComposeRequest): Promise<void> {
    try {
      if (request.kind === "draft") {
        await this.openDraft(request.id);
        return;
      }
      const composer = await this.made();
      await begin(composer, request, this.tools.drafts, this.own(composer));
      this.add(composer);
    } catch (error) {
      toastError(`${t("The message could not be opened for writing.")} ${explain(error)}`);
    }
  }

  private async openDraft(id: Id, key?: string, state?: WindowState): Promise<void> {
    const there = this.list.peek().find(({ composer }) => composer.draftId === id || this.claims.get(composer.key)?.ids.includes(id));
    if (there) {
      this.show(there.composer);
      return;
    }
    if (this.opening.has(id)) return;
    this.opening.add(id);
    try {
      const composer = await this.made(key);
      composer.draftId = id;
      if (!(await this.fetch(composer))) {
        composer.elsewhere.value = true;
        this.tabs.tell({ kind: "who", id });
      }
      this.add(composer, state);
    } finally {
      this.opening.delete(id);
    }
  }

  /** Takes a draft from the server to write it; false when another tab writes it. `force`: also then. */
  private async fetch(composer: Composer, how: How = "free"): Promise<boolean> {
    const id = composer.draftId ?? "";
    const claim = this.tabs.claim(() => this.lost(composer));
    if (!(await claim.add(id, how))) return false;
    try {
      await begin(composer, { kind: "draft", id }, this.tools.drafts, this.own(composer));
    } catch (error) {
      claim.release();
      throw error;
    }
    this.claims.set(composer.key, claim);
    return true;
  }

  /** Goes on here with a letter that another tab writes. */
  async takeOver(composer: Composer): Promise<void> {
    const id = composer.draftId ?? "";
    try {
      if (!(await this.fetch(composer))) {
        const answer = await this.tabs.ask(id);
        if (answer?.kind === "kept") {
          toastError(answer.why);
          return;
        }
        // A tab that does not answer is asleep, or gone: what it saved last is on the server.
        if (!answer) await this.fetch(composer, "force");
        else {
          const claim = this.tabs.claim(() => this.lost(composer));
          await Promise.all(answer.ids.map((each) => claim.add(each, "soon")));
          this.claims.set(composer.key, claim);
          await composer.receive(answer.handed);
        }
      }
      composer.focus = "body";
      this.setState(composer, "open");
    } catch (error) {
      if (error instanceof Gone) this.hide(composer);
      toastError(`${t("The message could not be opened for writing.")} ${explain(error)}`);
    }
  }

  private onNote(note: Note): void {
    if (note.kind === "given" || note.kind === "kept") return;
    for (const { composer } of this.list.peek()) {
      const waits = composer.elsewhere.peek();
      const ids = this.claims.get(composer.key)?.ids ?? [];
      if ((note.kind === "who" || note.kind === "want") && !waits && ids.includes(note.id)) {
        if (note.kind === "want") void this.give(composer, note.by);
        else this.tellName(composer);
      }
      if ((note.kind === "named" || note.kind === "left") && waits && note.ids.includes(composer.draftId ?? "")) {
        if (note.kind === "named") composer.subject.value = note.subject;
        if (note.id === null) this.hide(composer);
        else composer.draftId = note.id;
        if (note.kind === "left" && note.id !== null) void this.fetch(composer, "soon").catch(() => this.hide(composer));
      }
    }
  }

  private tellName(composer: Composer): void {
    const { draftId, subject } = composer;
    if (draftId !== null) this.tabs.tell({ kind: "named", ids: this.claims.get(composer.key)?.ids ?? [], id: draftId, subject: subject.peek() });
  }

  private async give(composer: Composer, to: string): Promise<void> {
    const handed = await composer.handOver();
    if (typeof handed === "string") this.tabs.tell({ kind: "kept", to, why: handed });
    else this.tabs.tell({ kind: "given", to, ids: this.release(composer), handed });
    this.remember();
  }

  /** The draft has got another id: that is held, too. */
  private async named(composer: Composer, id: Id): Promise<void> {
    const claim = this.claims.get(composer.key);
    if (claim && !(await claim.add(id))) this.lost(composer);
    this.tellName(composer);
  }

  /** Another tab has taken the draft without asking, as this one did not answer. */
  private lost(composer: Composer): void {
    if (!this.list.peek().some((one) => one.composer === composer) || composer.elsewhere.peek()) return;
    this.release(composer);
    composer.queued.stop();
    if (composer.saver.dirty) composer.contested.value = true;
    else composer.elsewhere.value = true;
    void composer.saver.hold();
  }

  private release(composer: Composer): readonly Id[] {
    const ids = this.claims.get(composer.key)?.release() ?? [];
    this.claims.delete(composer.key);
    return ids;
  }

  private own(composer: Composer): ReadonlySet<string> {
    return new Set([...addressesOf(composer.identities), this.fallback.email.toLowerCase()]);
  }

  private async made(key: string = crypto.randomUUID()): Promise<Composer> {
    const found = await this.identities.load().catch(() => []);
    return new Composer(key, found.length ? found : [this.fallback], this.tools);
  }

  private add(composer: Composer, state: WindowState = "open"): void {
    this.releases.set(composer.key, holdLetter(composer.key));
    this.claim(composer);
    this.list.value = [...this.list.value, { composer, state }];
    if (state !== "folded") this.focusing.value = composer.key;
    this.remember();
  }

  /** Claims the draft of a letter that is written here; one that has none yet may get one. */
  private claim(composer: Composer): void {
    if (composer.elsewhere.peek() || this.claims.has(composer.key)) return;
    this.claims.set(composer.key, this.tabs.claim(() => this.lost(composer)));
    if (composer.draftId !== null) void this.named(composer, composer.draftId);
  }

  /** Takes a window off the screen; what is written in it is not touched, and still held. */
  private hide(composer: Composer): void {
    composer.content();
    composer.unqueue();
    this.releases.get(composer.key)?.();
    this.releases.delete(composer.key);
    this.list.value = this.list.value.filter((one) => one.composer !== composer);
    this.remember();
  }

  /** Takes a window off the screen; its draft is written here no more, and lies at `id` if it does. */
  private take(composer: Composer, id: Id | null = null): void {
    this.hide(composer);
    this.leave(composer, id);
  }

  private leave(composer: Composer, id: Id | null): void {
    const note = { kind: "left", ids: this.release(composer), id } as const;
    if (!note.ids.length) return;
    this.tabs.tell(note);
    this.onNote(note); // a window of this tab may wait, too
  }

  show(composer: Composer): void {
    this.setState(composer, "open");
    // What has no room unless it is the newest becomes the newest.
    if (this.arranged.peek().shown.some(({ item, state }) => item.composer === composer && state === "open")) return;
    const mine = this.list.peek().filter((one) => one.composer === composer);
    this.list.value = [...this.list.peek().filter((one) => one.composer !== composer), ...mine];
  }

  setState(composer: Composer, state: WindowState): void {
    this.list.value = this.list.value.map((one) => (one.composer === composer ? { composer, state } : one.state === "full" && state === "full" ? { ...one, state: "open" } : one));
    if (state !== "folded") this.focusing.value = composer.key;
    this.remember();
  }

  /** Closes a window; the draft is saved before. */
  async close(composer: Composer): Promise<void> {
    if (composer.elsewhere.peek()) {
      this.hide(composer);
      return;
    }
    if (composer.sending.peek()) {
      this.setState(composer, "folded"); // it goes by itself once it is sent; should that fail, it is still there
      return;
    }
    if (composer.files.pending.peek() > 0 && !(await askWhetherToClose())) return;
    if (composer.contested.peek()) this.keepApart(composer); // of two versions none is lost
    const changed = composer.saver.dirty || composer.saver.state.peek() === "saved";
    this.hide(composer);
    composer.files.abandon();
    try {
      await composer.saver.flush();
    } catch (error) {
      this.add(composer, "folded");
      toastError(`${t("The draft could not be saved.")} ${explain(error)}`);
      return;
    }
    const { draftId } = composer;
    this.leave(composer, draftId);
    if (!changed || draftId === null) return;
    toast({ text: t("Saved in Drafts"), action: { label: t("Continue writing"), run: () => void this.open({ kind: "draft", id: draftId }) } });
  }

  /** Of two versions this one becomes a draft of its own. */
  keepApart(composer: Composer): void {
    composer.keepApart();
    this.release(composer);
    this.claim(composer);
  }

  /** Saves all letters before the page goes; what cannot be saved is still unfinished, and asked about. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.list.peek().map(({ composer }) => composer.saver.flush()));
  }

  /** Throws a letter away, with a way back. */
  async discard(composer: Composer): Promise<void> {
    if (composer.contested.peek()) this.keepApart(composer); // the other version is not thrown away
    this.take(composer);
    await composer.abandon();
    const { draftId } = composer;
    try {
      if (draftId !== null && !(await this.tools.drafts.discard(draftId))) composer.draftId = null;
    } catch (error) {
      toastError(`${t("The draft could not be removed.")} ${explain(error)}`);
    }
    const undo = async (): Promise<void> => {
      composer.revive();
      this.add(composer);
      if (composer.draftId !== null && !(await this.tools.drafts.recover(composer.draftId).catch(() => false))) composer.draftId = null;
      if (composer.draftId === null) composer.touch();
    };
    this.undoing.offer(t("Draft discarded"), 10, () => void undo());
  }

  /** Checks and sends; the window goes when the server has taken it. */
  async send(composer: Composer): Promise<void> {
    await sendLetter(composer, this.tools.drafts, this.undoing, {
      leave: () => this.take(composer),
      reopen: () => this.add(composer),
      focus: (field) => {
        composer.focus = field;
        this.focusing.value = composer.key;
      },
    });
  }

  private remember(): void {
    remember(this.list.peek().map(({ composer, state }) => ({ accountId: this.tools.accountId, key: composer.key, draftId: composer.draftId, state })));
  }

  /** Brings back the windows of before a reload, and letters that tabs left behind which are gone. */
  async restore(): Promise<void> {
    const [kept, held] = await Promise.all([this.tools.keeper.all(), heldLetters()]);
    const mine = kept.filter((one) => one.accountId === this.tools.accountId && !held.has(one.key));
    for (const { key, draftId, state } of remembered(this.tools.accountId).filter((one) => !held.has(one.key))) {
      const letter = mine.find((one) => one.key === key);
      if (letter) await this.bringBack(letter, state);
      else if (draftId !== null) await this.reopen(key, draftId, state);
    }
    const open = new Set(this.list.peek().map(({ composer }) => composer.key));
    for (const letter of mine.filter((one) => !open.has(one.key))) await this.bringBack(letter, "folded");
    this.remember();
  }

  private async bringBack(kept: Kept, state: WindowState): Promise<void> {
    const composer = await this.made(kept.key);
    composer.take(kept.letter);
    composer.draftId = kept.draftId;
    composer.focus = "body";
    this.add(composer, state);
    composer.touch();
  }

  private async reopen(key: string, id: Id, state: WindowState): Promise<void> {
    try {
      await this.openDraft(id, key, state);
    } catch {
      // sent or removed elsewhere meanwhile, or not to be had now: it is in Drafts if it is anywhere
    }
  }
}

function askWhetherToClose(): Promise<boolean> {
  return confirmDialog({
    title: t("Close while files are on their way?"),
    text: t("Files that are not there yet will not be in the draft."),
    yes: t("Close"),
  });
}
