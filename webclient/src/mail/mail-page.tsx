/** Mail: the list of the folder or search in the address, and the message opened. */
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { t } from "../core/i18n.js";
import { route, type Route } from "../core/router.js";
import { pane } from "../shell/layout.js";
import { Boundary } from "../ui/boundary.js";
import { Button } from "../ui/button.js";
import { EmptyState } from "../ui/empty.js";
import type { Quick } from "./commands.js";
import { useMail } from "./context.js";
import { FolderHead, SearchHead, SelectionBar } from "./list-head.js";
import { mailboxName } from "./mailboxes.js";
import { MessageList } from "./message-list.js";
import type { Id } from "../jmap/types.js";
import type { Mail, View, ViewSpec } from "./model.js";
import { Reader, ReaderEmpty } from "./reader.js";
import { SkeletonRow } from "./row.js";
import { parseSearch } from "./search.js";
import { Splitter } from "./splitter.js";

type MailRoute = Extract<Route, { page: "mail" | "search" }>;

/** The list a route leads to; null when there is no such folder. */
export function viewFor(mail: Mail, here: MailRoute, quick: Quick): ViewSpec | null {
  if (here.page === "search") {
    const leftOut = ["trash", "junk"].map((role) => mail.mailboxes.role(role)?.id).filter((id) => id !== undefined);
    const byName = (name: string): string | undefined => {
      const wanted = name.toLowerCase();
      const all = [...mail.mailboxes.byId.value.values()];
      return (mail.mailboxes.role(wanted) ?? all.find((item) => item.name.toLowerCase() === wanted || mailboxName(item).toLowerCase() === wanted))?.id;
    };
    return { key: `search ${here.words}`, filter: parseSearch(here.words, { find: byName, leftOut }), mailbox: null, leftOut };
  }
  const mailbox = mail.mailboxes.find(here.folder);
  if (!mailbox) return null;
  const extra = { all: {}, unread: { notKeyword: "$seen" }, starred: { hasKeyword: "$flagged" } }[quick];
  return { key: `folder ${mailbox.id} ${quick}`, filter: { inMailbox: mailbox.id, ...extra }, mailbox: mailbox.id, leftOut: [] };
}

function ListSkeleton(): VNode {
  return (
    <div class="rows" aria-busy="true" aria-label={t("Loading")}>
      {Array.from({ length: 9 }, (_, index) => (
        <SkeletonRow key={index} top={index * 76} />
      ))}
    </div>
  );
}

function ListPane({ here }: { here: MailRoute }): VNode {
  const { mail } = useMail();
  const view = mail.view.value;
  if (!mail.mailboxes.loaded.value || !view) return <ListSkeleton />;
  const mailbox = here.page === "mail" ? mail.mailboxes.find(here.folder) : undefined;
  if (here.page === "mail" && !mailbox) return <Missing />;
  const label = mailbox ? mailboxName(mailbox) : t("Search results");
  let head = <SearchHead words={here.page === "search" ? here.words : ""} total={view.listing.total.value} />;
  if (mail.selection.size.value) head = <SelectionBar />;
  else if (mailbox) head = <FolderHead mailbox={mailbox} name={label} />;
  return (
    <>
      {head}
      <Boundary key={view.key}>
        <MessageList key={view.key} view={view} label={label} />
      </Boundary>
    </>
  );
}

function Missing(): VNode {
  const { commands } = useMail();
  return (
    <EmptyState icon="folder" title={t("There is no such folder")} text={t("It may have been deleted or renamed elsewhere.")}>
      <Button onClick={() => commands.goTo("inbox")}>{t("To the inbox")}</Button>
    </EmptyState>
  );
}

/** Follows the address: opens the list it names. */
function useOpenView(here: MailRoute): void {
  const { mail, commands } = useMail();
  const quick = commands.quick.value;
  const place = here.page === "mail" ? here.folder : here.words;
  useEffect(() => {
    commands.quick.value = "all";
  }, [here.page, place, commands]);
  useEffect(() => {
    if (!mail.mailboxes.loaded.value) return;
    const spec = viewFor(mail, here, commands.quick.peek());
    if (spec) mail.open(spec);
  }, [mail, here.page, place, quick, mail.mailboxes.loaded.value]);
  useEffect(() => {
    const { email } = here;
    const view = mail.view.value;
    if (email === undefined || !view) return;
    mail.selection.cursor.value = email;
    if (view.listing.ids.has(email)) return;
    // Opened by its address: the list goes to where it stands.
    void reveal(mail, view, email);
  }, [mail, here.email, mail.view.value]);
}

async function reveal(mail: Mail, view: View, email: Id): Promise<void> {
  try {
    if (!(await view.listing.locate(email)) || mail.view.peek() !== view || mail.selection.cursor.peek() !== email) return;
    mail.selection.cursor.value = null;
    mail.selection.cursor.value = email;
  } catch {
    // the message is shown all the same; the list stays where it is
  }
}

export function MailPage(): VNode | null {
  const here = route.value;
  if (here.page !== "mail" && here.page !== "search") return null;
  return <MailPanes here={here} />;
}

function MailPanes({ here }: { here: MailRoute }): VNode {
  useOpenView(here);
  const mode = pane.value;
  const reading = here.email !== undefined;
  return (
    <div class={`panes panes-${mode}`}>
      {mode === "off" && reading ? null : (
        <section class="list-pane" aria-label={t("Messages")}>
          <ListPane here={here} />
        </section>
      )}
      {mode === "off" ? null : <Splitter mode={mode} />}
      {here.email !== undefined ? <Reader id={here.email} /> : mode === "off" ? null : <ReaderEmpty />}
    </div>
  );
}
