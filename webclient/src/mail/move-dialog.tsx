/** Where to move to: type a part of the folder's name, choose with the arrow keys, Enter. */
import type { VNode } from "preact";
import { useId, useState } from "preact/hooks";
import { t, tn } from "../core/i18n.js";
import type { Id, Mailbox } from "../jmap/types.js";
import { DialogBody, openDialog } from "../ui/dialog.js";
import { Icon } from "../ui/icon.js";
import type { MailServices } from "./context.js";
import { mailboxIcon, mailboxName, type Placed } from "./mailboxes.js";

function pathOf(placed: readonly Placed[], mailbox: Mailbox): string {
  const parent = placed.find((item) => item.mailbox.id === mailbox.parentId)?.mailbox;
  return parent ? `${pathOf(placed, parent)} / ${mailboxName(mailbox)}` : mailboxName(mailbox);
}

/** Folders whose path contains the words; those whose own name begins with them first. */
export function matchFolders(placed: readonly Placed[], words: string, without: Id | null): { mailbox: Mailbox; path: string }[] {
  const wanted = words.trim().toLocaleLowerCase();
  const found = placed
    .filter(({ mailbox }) => mailbox.id !== without && mailbox.role !== "drafts")
    .map(({ mailbox }) => ({ mailbox, path: pathOf(placed, mailbox) }))
    .filter(({ path }) => path.toLocaleLowerCase().includes(wanted));
  const begins = (item: { mailbox: Mailbox }): number => (mailboxName(item.mailbox).toLocaleLowerCase().startsWith(wanted) ? 0 : 1);
  return wanted ? found.sort((a, b) => begins(a) - begins(b)) : found;
}

interface ChoicesProps {
  readonly id: string;
  readonly found: readonly { mailbox: Mailbox; path: string }[];
  readonly chosen: number;
  readonly pick: (mailbox: Mailbox) => void;
}

function Choices({ id, found, chosen, pick }: ChoicesProps): VNode {
  if (!found.length) return <p class="pick-none">{t("No folder of this name")}</p>;
  return (
    <ul class="pick-list" id={id} role="listbox" aria-label={t("Folders")}>
      {found.map(({ mailbox, path }, index) => (
        <li
          key={mailbox.id}
          id={`${id}-${index}`}
          role="option"
          aria-selected={index === chosen}
          class={index === chosen ? "pick chosen" : "pick"}
          ref={(element) => {
            if (index === chosen) element?.scrollIntoView({ block: "nearest" });
          }}
          onClick={() => pick(mailbox)}
        >
          <Icon name={mailboxIcon(mailbox)} size={18} />
          <span dir="auto">{path}</span>
        </li>
      ))}
    </ul>
  );
}

interface Props {
  readonly services: MailServices;
  readonly ids: readonly Id[];
  readonly close: () => void;
}

function MoveDialog({ services, ids, close }: Props): VNode {
  const { mail } = services;
  const listId = useId();
  const [words, setWords] = useState("");
  const [at, setAt] = useState(0);
  const found = matchFolders(mail.mailboxes.placed.value, words, mail.view.value?.mailbox ?? null);
  const chosen = Math.min(at, found.length - 1);
  const move = (target: Mailbox | undefined): void => {
    if (!target) return;
    close();
    void mail.actions.move(ids, target.id);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (!step || !found.length) return;
    event.preventDefault();
    setAt((chosen + step + found.length) % found.length);
  };
  return (
    <DialogBody title={tn("Move message to", "Move {n} messages to", ids.length)} onClose={close} onSubmit={() => move(found[chosen]?.mailbox)}>
      <input
        autofocus
        dir="auto"
        role="combobox"
        aria-expanded="true"
        aria-controls={listId}
        aria-activedescendant={found.length ? `${listId}-${chosen}` : undefined}
        aria-label={t("Folder")}
        placeholder={t("Type a folder’s name")}
        value={words}
        onKeyDown={onKeyDown}
        onInput={(event) => {
          setWords(event.currentTarget.value);
          setAt(0);
        }}
      />
      <Choices id={listId} found={found} chosen={chosen} pick={move} />
    </DialogBody>
  );
}

/** Asks where the messages the keys act on shall go. */
export function openMoveDialog(services: MailServices, ids: readonly Id[] = services.commands.targets()): void {
  if (ids.length) openDialog((close) => <MoveDialog services={services} ids={ids} close={close} />);
}
