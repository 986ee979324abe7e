/** The reading pane: one message, and what can be done with it. */
import { useSignal, type Signal } from "@preact/signals";
import type { RefObject, VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { answerEntries, AnswerBar, DraftNotice } from "../compose/buttons.js";
import { compose } from "../compose/load.js";
import { isDraft } from "../compose/open.js";
import { explain } from "../core/http.js";
import { t } from "../core/i18n.js";
import type { EmailFull, Id } from "../jmap/types.js";
import { pane } from "../shell/layout.js";
import { Boundary } from "../ui/boundary.js";
import { Button, IconButton } from "../ui/button.js";
import { EmptyState } from "../ui/empty.js";
import { Icon } from "../ui/icon.js";
import { MenuButton } from "../ui/menu.js";
import { Attachments } from "./attachments.js";
import { useMail } from "./context.js";
import { isStarred, isUnread, mailboxOf } from "./emails.js";
import { BodySkeleton, HtmlBody } from "./html-body.js";
import { openMoveDialog } from "./move-dialog.js";
import { ReaderHead } from "./reader-head.js";
import { openSource } from "./source-dialog.js";
import { TextBody } from "./text-body.js";

/** How long a message is in view before it counts as read. */
const READ_AFTER = 600;

interface Loaded {
  readonly email: EmailFull | null;
  readonly failure: string | null;
}

function useFullEmail(id: Id): { state: Loaded; retry: () => void } {
  const { mail } = useMail();
  const state = useSignal<Loaded>({ email: mail.bodies.peek(id) ?? null, failure: null });
  const attempt = useSignal(0);
  useEffect(() => {
    const abort = new AbortController();
    mail.bodies
      .load(id, abort.signal)
      .then((email) => {
        if (!mail.emails.has(id)) mail.emails.put([email]);
        state.value = { email, failure: null };
      })
      .catch((error: unknown) => {
        if (!abort.signal.aborted) state.value = { email: null, failure: explain(error) };
      });
    return () => abort.abort();
  }, [id, attempt.value, mail, state]);
  return { state: state.value, retry: () => (attempt.value += 1) };
}

/** Marks the message read, once, after it has been in view for a moment. */
function useMarkRead(id: Id, ready: boolean): void {
  const { mail } = useMail();
  useEffect(() => {
    if (!ready) return undefined;
    const timer = setTimeout(() => void mail.actions.setKeyword([id], "$seen", true), READ_AFTER);
    return () => clearTimeout(timer);
  }, [id, ready, mail]);
}

function Position(): VNode {
  const { mail, commands } = useMail();
  const view = mail.view.value;
  // Reading `version` is what tells of rows that come and go.
  const total = (view?.listing.version.value ?? 0) > 0 ? (view?.listing.ids.total ?? 0) : 0;
  const at = view?.listing.ids.indexOf(commands.opened() ?? "") ?? -1;
  return (
    <span class="reader-steps">
      <IconButton icon="up" label={t("Newer")} shortcut="K" disabled={at === 0} onClick={() => void commands.step(-1)} />
      <IconButton icon="down" label={t("Older")} shortcut="J" disabled={at >= total - 1} onClick={() => void commands.step(1)} />
    </span>
  );
}

function MoreMenu({ id, full, plain }: { id: Id; full: EmailFull | null; plain: Signal<boolean> }): VNode {
  const services = useMail();
  const { mail, commands } = services;
  const email = mail.emails.watch(id).value;
  const unread = email ? isUnread(email) : false;
  const hasBoth = full?.htmlBody.some((part) => part.type === "text/html") ?? false;
  return (
    <MenuButton
      label={t("More")}
      items={() => [
        ...answerEntries(services, id),
        { label: unread ? t("Mark as read") : t("Mark as unread"), icon: unread ? "read" : "unread", shortcut: unread ? "⇧I" : "⇧U", run: () => commands.toggleRead([id]) },
        { label: t("Junk"), icon: "junk", shortcut: "!", run: () => commands.junk([id]) },
        "separator",
        hasBoth && { label: plain.value ? t("Show formatted") : t("Show as plain text"), icon: "file", run: () => (plain.value = !plain.value) },
        { label: t("Print"), icon: "print", run: () => print() },
        full && { label: t("Show source"), icon: "code", run: () => openSource(services, full) },
      ]}
    >
      <Icon name="more" />
    </MenuButton>
  );
}

function Toolbar({ id, full, plain }: { id: Id; full: EmailFull | null; plain: Signal<boolean> }): VNode {
  const services = useMail();
  const { mail, commands } = services;
  const email = mail.emails.watch(id).value;
  const starred = email ? isStarred(email) : false;
  const inTrash = email ? mailboxOf(email) === mail.mailboxes.role("trash")?.id : false;
  return (
    <div class="reader-bar" role="toolbar" aria-label={t("Message")}>
      {pane.value === "off" ? <IconButton icon="back" label={t("Back to the list")} shortcut="U" onClick={() => commands.close()} /> : null}
      <IconButton icon="archive" label={t("Archive")} shortcut="E" onClick={() => commands.archive([id])} />
      <IconButton icon="trash" label={inTrash ? t("Delete for good") : t("Delete")} shortcut="#" onClick={() => void commands.remove([id])} />
      <IconButton icon="move" label={t("Move to…")} shortcut="V" onClick={() => openMoveDialog(services, [id])} />
      <IconButton class={starred ? "star starred" : "star"} icon="star" filled={starred} pressed={starred} label={t("Star")} shortcut="S" onClick={() => commands.star([id])} />
      <IconButton icon="reply" label={t("Reply")} shortcut="R" onClick={() => void compose(services, { kind: "reply", id })} />
      <MoreMenu id={id} full={full} plain={plain} />
      <span class="grow" />
      <Position />
    </div>
  );
}

function Body({ email, plain }: { email: EmailFull; plain: boolean }): VNode {
  const html = email.htmlBody.some((part) => part.type === "text/html");
  if (html && !plain) return <HtmlBody key={email.id} email={email} />;
  const parts = email.textBody.filter((part) => part.type.startsWith("text/") && part.type !== "text/html");
  const values = parts.map((part) => email.bodyValues[part.partId ?? ""]).filter((value) => value !== undefined);
  const text = values.map((value) => value.value).join("\n");
  if (!text.trim()) return <p class="no-text">{html ? t("This message has no plain text.") : t("This message has no text.")}</p>;
  return (
    <>
      <TextBody text={text} />
      {values.some((value) => value.isTruncated) ? <p class="no-text">{t("The text is very long and was cut here; the source has all of it.")}</p> : null}
      {values.some((value) => value.isEncodingProblem) ? <p class="no-text">{t("Some characters could not be read.")}</p> : null}
    </>
  );
}

/** Where the message takes the place of the list, it takes the focus too. */
function useTakeFocus(id: Id): RefObject<HTMLElement | null> {
  const ref = useRef<HTMLElement>(null);
  useEffect(() => {
    if (pane.value === "off") ref.current?.focus({ preventScroll: true });
  }, [id]);
  return ref;
}

export function Reader({ id }: { id: Id }): VNode {
  const services = useMail();
  const ref = useTakeFocus(id);
  const { state, retry } = useFullEmail(id);
  const plain = useSignal(false);
  const full = state.email?.id === id ? state.email : null;
  useMarkRead(id, full !== null);
  return (
    <article ref={ref} class="reader" aria-label={t("Message")} tabIndex={-1}>
      <Toolbar id={id} full={full} plain={plain} />
      <div class="reader-scroll">
        {state.failure && !full ? (
          <EmptyState icon="warning" title={t("The message could not be loaded")} text={state.failure}>
            <Button icon="refresh" onClick={retry}>
              {t("Try again")}
            </Button>
          </EmptyState>
        ) : full ? (
          <Boundary key={id}>
            <h1 class="reader-subject" dir="auto">
              {full.subject ? full.subject : t("(no subject)")}
            </h1>
            {isDraft(services, id) ? <DraftNotice id={id} /> : null}
            <ReaderHead key={id} email={full} />
            <Attachments email={full} />
            <Body email={full} plain={plain.value} />
            {isDraft(services, id) ? null : <AnswerBar id={id} several={(full.to?.length ?? 0) + (full.cc?.length ?? 0) > 1} />}
          </Boundary>
        ) : (
          <BodySkeleton />
        )}
      </div>
    </article>
  );
}

export function ReaderEmpty(): VNode {
  return (
    <section class="reader" aria-label={t("Message")}>
      <EmptyState icon="mail" title={t("No message selected")} text={t("Choose one in the list, or press J for the next and ? for all keys.")} />
    </section>
  );
}
