/** One message in the list. */
import { useComputed } from "@preact/signals";
import type { VNode } from "preact";
import { memo } from "../ui/memo.js";
import { longDate, shortDate } from "../core/format.js";
import { t } from "../core/i18n.js";
import type { EmailSummary, Id } from "../jmap/types.js";
import { Avatar } from "../ui/avatar.js";
import { IconButton } from "../ui/button.js";
import { Icon } from "../ui/icon.js";
import { useMail } from "./context.js";
import { startDrag } from "./drag.js";
import { isStarred, isUnread, mailboxOf } from "./emails.js";
import { mailboxName } from "./mailboxes.js";
import { peopleText, shownPeople } from "./people.js";

export interface RowProps {
  readonly id: Id;
  readonly index: number;
  readonly top: number;
  /** Name the folder of each message: in search results. */
  readonly folders: boolean;
  readonly onPick: (id: Id, event: MouseEvent) => void;
}

export function rowElementId(id: Id): string {
  return `mail-${id}`;
}

function Actions({ email }: { email: EmailSummary }): VNode {
  const { commands } = useMail();
  const unread = isUnread(email);
  const act = (run: () => void) => (event: MouseEvent) => {
    event.stopPropagation();
    run();
  };
  const ids = [email.id];
  return (
    <span class="row-actions">
      <IconButton tabIndex={-1} size={18} icon="archive" label={t("Archive")} shortcut="E" onClick={act(() => commands.archive(ids))} />
      <IconButton tabIndex={-1} size={18} icon="trash" label={t("Delete")} shortcut="#" onClick={act(() => void commands.remove(ids))} />
      <IconButton
        tabIndex={-1}
        size={18}
        icon={unread ? "read" : "unread"}
        label={unread ? t("Mark as read") : t("Mark as unread")}
        onClick={act(() => commands.toggleRead(ids))}
      />
    </span>
  );
}

/** Whether a row is about its recipients: in Sent and Drafts. */
function useMine(email: EmailSummary): boolean {
  const { mail } = useMail();
  const role = mail.mailboxes.byId.peek().get(mailboxOf(email) ?? "")?.role;
  return role === "sent" || role === "drafts";
}

function Lead({ email, ticked }: { email: EmailSummary; ticked: boolean }): VNode {
  const { mail } = useMail();
  const person = shownPeople(email, useMine(email))[0];
  return (
    <span role="gridcell" class="row-lead">
      <button
        type="button"
        class="row-check"
        role="checkbox"
        tabIndex={-1}
        aria-checked={ticked}
        aria-label={t("Select")}
        onClick={(event) => {
          event.stopPropagation();
          if (event.shiftKey) mail.selection.extend(email.id, mail.view.peek()?.listing.ids.all() ?? []);
          else mail.selection.toggle(email.id);
        }}
      >
        <Avatar name={person?.name ?? ""} address={person?.email ?? ""} />
        <span class="row-box">
          <Icon name="check" size={16} />
        </span>
      </button>
    </span>
  );
}

function Marks({ email }: { email: EmailSummary }): VNode {
  const { commands } = useMail();
  const starred = isStarred(email);
  return (
    <span class="row-marks">
      {email.hasAttachment ? (
        <span class="row-clip" role="img" aria-label={t("Has attachments")}>
          <Icon name="clip" size={16} />
        </span>
      ) : null}
      <IconButton
        tabIndex={-1}
        size={18}
        class={starred ? "star starred" : "star"}
        icon="star"
        filled={starred}
        pressed={starred}
        label={t("Star")}
        onClick={(event) => {
          event.stopPropagation();
          commands.star([email.id]);
        }}
      />
    </span>
  );
}

function Words({ email, folder }: { email: EmailSummary; folder: string | null }): VNode {
  const mine = useMine(email);
  return (
    <span role="gridcell" class="row-words">
      <span class="row-from" dir="auto">
        {isUnread(email) ? <span class="visually-hidden">{t("Unread")} </span> : null}
        {peopleText(email, mine) || (mine ? t("(no recipient)") : t("(no sender)"))}
      </span>
      <span class="row-text">
        {email.keywords["$draft"] ? <span class="row-tag row-tag-draft">{t("Draft")}</span> : null}
        {folder ? <span class="row-tag" dir="auto">{folder}</span> : null}
        <span class="row-subject" dir="auto">{email.subject ? email.subject : t("(no subject)")}</span>
        <span class="row-preview" dir="auto">{email.preview}</span>
      </span>
    </span>
  );
}

function RowView({ id, index, top, folders, onPick }: RowProps): VNode {
  const { mail, commands } = useMail();
  const email = mail.emails.watch(id).value;
  const ticked = useComputed(() => mail.selection.ids.value.has(id)).value;
  const cursor = useComputed(() => mail.selection.cursor.value === id).value;
  const opened = useComputed(() => commands.opened() === id).value;
  const style = { transform: `translateY(${top}px)` };
  if (!email) return <SkeletonRow top={top} />;
  const states = { unread: isUnread(email), ticked, cursor, opened };
  const box = folders ? mail.mailboxes.byId.value.get(mailboxOf(email) ?? "") : undefined;
  return (
    <div
      role="row"
      id={rowElementId(id)}
      class={["row", ...Object.entries(states).map(([name, on]) => (on ? name : ""))].filter(Boolean).join(" ")}
      style={style}
      aria-rowindex={index + 1}
      aria-selected={ticked}
      aria-current={opened ? "true" : undefined}
      draggable
      onDragStart={(event) => startDrag(event, mail.selection.has(id) ? [...mail.selection.ids.value] : [id])}
      onClick={(event) => onPick(id, event)}
    >
      <span class="row-dot" aria-hidden="true" />
      <Lead email={email} ticked={ticked} />
      <Words email={email} folder={box ? mailboxName(box) : null} />
      <span role="gridcell" class="row-end">
        <time class="row-date" dateTime={email.receivedAt} title={longDate(email.receivedAt)}>
          {shortDate(email.receivedAt)}
        </time>
        <Marks email={email} />
        <Actions email={email} />
      </span>
    </div>
  );
}

export const Row = memo(RowView);

/** Stands for a row that is still on its way. */
export function SkeletonRow({ top }: { top: number }): VNode {
  return (
    <div class="row row-skeleton" aria-hidden="true" style={{ transform: `translateY(${top}px)` }}>
      <span class="skeleton row-skeleton-face" />
      <span class="row-skeleton-words">
        <span class="skeleton" />
        <span class="skeleton" />
      </span>
    </div>
  );
}
