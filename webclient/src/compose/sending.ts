/** From "Send" to "Sent. Undo": what is looked at before, and the way back. */
import { explain } from "../core/http.js";
import { t } from "../core/i18n.js";
import { confirmDialog } from "../ui/dialog.js";
import { toastError } from "../ui/toast.js";
import type { Composer, Field } from "./composer.js";
import { Refused, type Drafts, type Sent } from "./drafts.js";
import { isAddress } from "./recipient-text.js";

export interface SendTools {
  /** Says what was done, with a way back for some seconds. */
  readonly offer: (text: string, seconds: number, undo: () => void) => void;
}

interface Stage {
  readonly leave: () => void;
  readonly reopen: () => void;
  readonly focus: (field: Field) => void;
}

/** Milliseconds until a message that did not reach the server is sent again, at first and at most. */
const AGAIN_FIRST = 3_000;
const AGAIN_MOST = 60_000;
/** Seconds that the way back is shown when the server does not say, and at most. */
const UNDO_SECONDS = 10;
const MOST_SECONDS = 120;

// Words for attachments in some languages; only a question follows from them.
const ATTACHED = /\b(?:attach(?:ed|ment|ments|ing)?|enclosed|anhang|angehängt|anbei|beigefügt|ci-joint|pièce jointe|adjunto|adjunta|allegato|bijlage|bijgevoegd|bilaga|załącznik)\b/iu;

/** Whether the text (not what it quotes) speaks of files. */
export function mentionsFiles(subject: string, text: string): boolean {
  const own: string[] = [];
  for (const line of text.split("\n")) {
    if (line === "-- " || line === t("---------- Forwarded message ----------")) break;
    if (!line.startsWith(">")) own.push(line);
  }
  return ATTACHED.test(subject.replace(/^(?:Re|Fwd): .*/, "")) || ATTACHED.test(own.join("\n"));
}

/** Seconds until a message leaves, by the clock here; a clock that is wrong does not count. */
export function undoSeconds(sendAt: string | null, now: number): number {
  const seconds = (Date.parse(sendAt ?? "") - now) / 1000;
  return seconds > 0.5 && seconds <= MOST_SECONDS ? seconds : UNDO_SECONDS;
}

/** What keeps a letter from being sent; null for nothing. */
export function obstacle(composer: Composer): { field: Field; text: string } | null {
  const fields = (["to", "cc", "bcc"] as const).map((field) => [field, composer[field].peek()] as const);
  for (const [field, people] of fields) {
    const wrong = people.find(({ email }) => !isAddress(email));
    if (wrong) return { field, text: t("“{text}” is not a mail address.", { text: wrong.email || wrong.name }) };
  }
  if (!fields.some(([, people]) => people.length)) return { field: "to", text: t("Say to whom it is to be sent.") };
  if (composer.files.failed.peek()) return { field: "body", text: t("A file could not be uploaded. Try it again, or remove it.") };
  return null;
}

/** Asks about what may have been forgotten; false to go on writing. */
async function sure(composer: Composer): Promise<boolean> {
  const subject = composer.subject.peek().trim();
  const { text } = composer.content();
  if (!composer.files.list.peek().some(({ cid }) => cid === null) && mentionsFiles(subject, text)) {
    const yes = await confirmDialog({ title: t("Send without a file?"), text: t("The text speaks of an attachment, but there is none."), yes: t("Send") });
    if (!yes) return false;
  }
  return subject !== "" || confirmDialog({ title: t("Send without a subject?"), text: t("Mail without a subject is easily overlooked."), yes: t("Send") });
}

async function marked(composer: Composer, drafts: Drafts, on: boolean): Promise<void> {
  const { answers } = composer;
  if (!answers) return;
  try {
    await drafts.mark(answers.id, answers.keyword, on);
  } catch {
    // only a mark: the message that was answered may be gone
  }
}

/** Waits for files on their way; false when it is not to be sent after all. */
async function filesAreThere(composer: Composer): Promise<boolean> {
  composer.queued.waits.value = true;
  const there = await composer.files.arrivedAll(() => !composer.queued.waits.value);
  const wanted = composer.queued.waits.peek();
  composer.queued.waits.value = false;
  if (wanted && !there) composer.failure.value = obstacle(composer)?.text ?? null;
  return wanted && there;
}

/** Sends; as long as the server cannot be reached it tries again, until the one who writes goes on writing or says so. */
async function sentAtLast(composer: Composer): Promise<Sent | null> {
  for (let pause = AGAIN_FIRST; ; pause = Math.min(2 * pause, AGAIN_MOST)) {
    const sent = await composer.send();
    if (sent || !composer.unreached || !(await composer.queued.pause(pause))) return sent;
  }
}

export async function sendLetter(composer: Composer, drafts: Drafts, tools: SendTools, stage: Stage): Promise<void> {
  if (composer.sending.peek()) return;
  if (composer.queued.waits.peek()) {
    composer.unqueue(); // asked again while it waits: it is not to be sent
    return;
  }
  composer.queued.begin();
  const hindered = obstacle(composer);
  if (hindered) {
    composer.failure.value = hindered.text;
    stage.focus(hindered.field);
    return;
  }
  if (!(await sure(composer))) {
    stage.focus(composer.subject.peek().trim() ? "body" : "subject");
    return;
  }
  if (!(await filesAreThere(composer))) return;
  const sent = await sentAtLast(composer);
  if (!sent) return;
  stage.leave();
  void marked(composer, drafts, true);
  tools.offer(t("Sent"), undoSeconds(sent.sendAt, Date.now()), () => void takeBack(composer, sent, drafts, stage));
}

async function takeBack(composer: Composer, sent: Sent, drafts: Drafts, stage: Stage): Promise<void> {
  try {
    await drafts.takeBack(sent);
  } catch (error) {
    const late = error instanceof Refused && error.reason.type === "cannotUnsend";
    toastError(late ? t("It is too late: the message has been sent.") : `${t("The message could not be taken back.")} ${explain(error)}`);
    return;
  }
  void marked(composer, drafts, false);
  composer.focus = "body";
  stage.reopen();
}
