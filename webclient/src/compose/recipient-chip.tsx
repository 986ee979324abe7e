/** One recipient that was entered. */
import type { VNode } from "preact";
import { t } from "../core/i18n.js";
import { Avatar } from "../ui/avatar.js";
import { Icon } from "../ui/icon.js";
import { isAddress, type Recipient } from "./recipient-text.js";

/** What a chip carries when it is dragged to another field. */
export const DRAGGED = "application/x-mailim-recipient";

interface Props {
  readonly recipient: Recipient;
  /** What is wrong with it, as the server said. */
  readonly problem: string | undefined;
  readonly remove: () => void;
  readonly edit: () => void;
  readonly onKeyDown: (event: KeyboardEvent) => void;
}

function wrongOf(recipient: Recipient, problem: string | undefined): string | undefined {
  return isAddress(recipient.email) ? problem : t("This is not a mail address.");
}

export function Chip({ recipient, problem, remove, edit, onKeyDown }: Props): VNode {
  const { name, email } = recipient;
  const wrong = wrongOf(recipient, problem);
  const shown = name || email;
  const described = name ? t("{name}, {address}", { name, address: email }) : email;
  return (
    <li
      class={wrong === undefined ? "recipient" : "recipient recipient-wrong"}
      draggable
      onDragStart={(event) => {
        event.dataTransfer?.setData(DRAGGED, JSON.stringify(recipient));
        event.dataTransfer?.setData("text/plain", email);
      }}
      onDragEnd={(event) => {
        if (event.dataTransfer?.dropEffect === "move") remove();
      }}
    >
      <button
        type="button"
        class="recipient-main"
        tabIndex={-1}
        title={wrong ?? email}
        aria-label={wrong === undefined ? described : t("{who}: {problem}", { who: described, problem: wrong })}
        onKeyDown={onKeyDown}
        onDblClick={edit}
      >
        {wrong === undefined ? <Avatar name={name} address={email} size={22} /> : <Icon name="warning" size={16} />}
        <span class="recipient-name" dir={name ? "auto" : "ltr"}>
          {shown}
        </span>
      </button>
      <button type="button" class="recipient-remove" tabIndex={-1} aria-label={t("Remove {who}", { who: shown })} title={t("Remove")} onClick={remove}>
        <Icon name="close" size={14} />
      </button>
    </li>
  );
}
