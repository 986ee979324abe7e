/** The ways into writing: the button of the page, and what is offered at a message. */
import type { VNode } from "preact";
import { t } from "../core/i18n.js";
import type { Id } from "../jmap/types.js";
import { useMail, type MailServices } from "../mail/context.js";
import { drawerOpen, hasDrawer } from "../shell/layout.js";
import { Button } from "../ui/button.js";
import { Icon } from "../ui/icon.js";
import type { MenuEntry } from "../ui/menu.js";
import { compose, prepareCompose } from "./load.js";

/** Begins a new message; above the folders, or hovering over the list where they are in a drawer. */
export function ComposeButton({ hovering }: { hovering: boolean }): VNode | null {
  const services = useMail();
  if (hovering && !hasDrawer.value) return null;
  return (
    <button
      type="button"
      class={hovering ? "compose-button compose-hovering" : "compose-button"}
      title={t("New message (C)")}
      aria-label={t("New message")}
      onPointerEnter={() => void prepareCompose(services)}
      onClick={() => {
        drawerOpen.value = false;
        void compose(services, { kind: "new" });
      }}
    >
      <Icon name="edit" size={hovering ? 22 : 20} />
      <span>{t("New message")}</span>
    </button>
  );
}

/** Entries of a message's menu. */
export function answerEntries(services: MailServices, id: Id): readonly MenuEntry[] {
  return [
    { label: t("Reply"), icon: "reply", shortcut: "R", run: () => void compose(services, { kind: "reply", id }) },
    { label: t("Reply to all"), icon: "replyAll", shortcut: "A", run: () => void compose(services, { kind: "reply-all", id }) },
    { label: t("Forward"), icon: "forward", shortcut: "F", run: () => void compose(services, { kind: "forward", id }) },
    "separator",
  ];
}

/** Below a message that was read. */
export function AnswerBar({ id, several }: { id: Id; several: boolean }): VNode {
  const services = useMail();
  return (
    <div class="answer-bar">
      <Button icon="reply" onClick={() => void compose(services, { kind: "reply", id })}>
        {t("Reply")}
      </Button>
      {several ? (
        <Button icon="replyAll" onClick={() => void compose(services, { kind: "reply-all", id })}>
          {t("Reply to all")}
        </Button>
      ) : null}
      <Button icon="forward" onClick={() => void compose(services, { kind: "forward", id })}>
        {t("Forward")}
      </Button>
    </div>
  );
}

/** Above a draft that is looked at. */
export function DraftNotice({ id }: { id: Id }): VNode {
  const services = useMail();
  return (
    <div class="notice draft-notice">
      <Icon name="draft" size={18} />
      <span>{t("This is a draft.")}</span>
      <Button kind="quiet" onClick={() => void compose(services, { kind: "draft", id })}>
        {t("Continue writing")}
      </Button>
    </div>
  );
}
