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
import { addressesOf, type Identities, type Identity } from "./identities.js";
import { beside, covering, taken, WINDOWS_KEY, type ComposeRequest } from "./index.js";
import { heldLetters, holdLetter, type Kept } from "./keeping.js";
import { sendLetter, type SendTools } from "./sending.js";

export interface Opened {
  readonly composer: Composer;
  readonly state: WindowState;
}

/** What is remembered of a window for a reload. */
interface Remembered {
  readonly accountId: Id;
  readonly key: string;
  readonly draftId: Id | null;
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
  private readonly tools: Tools;

  constructor(
    tools: Omit<Tools, "moved">,
    private readonly identities: Identities,
    private readonly fallback: Identity,
    private readonly undoing: SendTools,
    /** Hears that a draft has got another id. */
    renamed: (before: Id, now: Id) => void,
  ) {
    const moved = (before: Id | null, now: Id): void => {
      this.remember();
      if (before !== null) renamed(before, now);
    };
    this.tools = { ...tools, moved };
    addEventListener("resize", () => (this.width.value = innerWidth));
    addEventListener("online", () => this.list.peek().forEach(({ composer }) => composer.saver.retry()));
    addEventListener("beforeunload", (event) => {
      if (this.list.peek().some(({ composer }) => composer.unfinished)) event.preventDefault();
    });
    addEventListener("pagehide", () => {
      for (const { composer } of this.list.peek()) if (composer.saver.dirty) void composer.keepNow();
    });
    effect(() => {
      taken.value = isPhone.value ? 0 : this.arranged.value.taken;
      covering.value = isPhone.value ? this.list.value.length > 0 : this.list.value.some(({ state }) => state === "full");
    });
  }

  /** Opens a window for a request; one that has the draft already comes to the front. */
  async open(request: ComposeRequest): Promise<void> {
    const there = request.kind === "draft" ? this.list.peek().find(({ composer }) => composer.draftId === request.id) : undefined;
    if (there) {
      this.show(there.composer);
      return;
    }
    try {
      const composer = await this.made();
      await begin(composer, request, this.tools.drafts, this.own(composer));
      this.add(composer);
    } catch (error) {
      toastError(`${t("The message could not be opened for writing.")} ${explain(error)}`);
    }
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
    this.list.value = [...this.list.value, { composer, state }];
    if (state !== "folded") this.focusing.value = composer.key;
    this.remember();
  }

  /** Takes a window off the screen; what is written in it is not touched. */
  private take(composer: Composer): void {
    composer.content();
    composer.queued.value = false;
    this.releases.get(composer.key)?.();
    this.releases.delete(composer.key);
    this.list.value = this.list.value.filter((one) => one.composer !== composer);
    this.remember();
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
    if (composer.files.pending.peek() > 0 && !(await askWhetherToClose())) return;
    const changed = composer.saver.dirty || composer.saver.state.peek() === "saved";
    this.take(composer);
    composer.files.abandon();
    try {
      await composer.saver.flush();
    } catch (error) {
      this.add(composer, "folded");
      toastError(`${t("The draft could not be saved.")} ${explain(error)}`);
      return;
    }
    const { draftId } = composer;
    if (!changed || draftId === null) return;
    toast({ text: t("Saved in Drafts"), action: { label: t("Continue writing"), run: () => void this.open({ kind: "draft", id: draftId }) } });
  }

  /** Saves all letters before the page goes; what cannot be saved is still unfinished, and asked about. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.list.peek().map(({ composer }) => composer.saver.flush()));
  }

  /** Throws a letter away, with a way back. */
  async discard(composer: Composer): Promise<void> {
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
    const windows = this.list.peek().map(({ composer, state }): Remembered => ({ accountId: this.tools.accountId, key: composer.key, draftId: composer.draftId, state }));
    try {
      if (windows.length) sessionStorage.setItem(WINDOWS_KEY, JSON.stringify(windows));
      else sessionStorage.removeItem(WINDOWS_KEY);
    } catch {
      // after a reload one finds them among the drafts
    }
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
      const composer = await this.made(key);
      await begin(composer, { kind: "draft", id }, this.tools.drafts, this.own(composer));
      this.add(composer, state);
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

/** The windows of this tab that were of this account. */
function remembered(account: Id): readonly Remembered[] {
  try {
    const found: unknown = JSON.parse(sessionStorage.getItem(WINDOWS_KEY) ?? "[]");
    if (!Array.isArray(found)) return [];
    return found.flatMap((item: unknown) => {
      const { accountId, key, draftId, state } = (item ?? {}) as Partial<Remembered>;
      if (typeof key !== "string" || accountId !== account) return [];
      return [{ accountId, key, draftId: typeof draftId === "string" ? draftId : null, state: state === "folded" || state === "full" ? state : "open" }];
    });
  } catch {
    return [];
  }
}
