/** The pages around mail: the slots of chat, and "More" on a phone. */
import type { VNode } from "preact";
import { chat, chatFailure } from "../chat/index.js";
import { t } from "../core/i18n.js";
import { hrefOf, type Route } from "../core/router.js";
import { session } from "../core/session.js";
import { Avatar } from "../ui/avatar.js";
import { EmptyState } from "../ui/empty.js";
import { Icon, type IconName } from "../ui/icon.js";
import { signOut } from "./sign-out.js";

function NoChat(): VNode {
  return <EmptyState icon="chat" title={t("Chat is not available")} text={chatFailure.value ?? undefined} />;
}

export function ChatPage({ jid }: { jid: string | undefined }): VNode {
  const parts = chat.value;
  return <div class="page">{parts ? <parts.Page jid={jid} /> : <NoChat />}</div>;
}

export function ContactsPage(): VNode {
  const parts = chat.value;
  return <div class="page">{parts ? <parts.Contacts page /> : <NoChat />}</div>;
}

function Item({ to, icon, text }: { to: Route; icon: IconName; text: string }): VNode {
  return (
    <li>
      <a class="more-item" href={hrefOf(to)}>
        <Icon name={icon} />
        <span>{text}</span>
        <Icon name="right" size={18} />
      </a>
    </li>
  );
}

export function MorePage(): VNode {
  const who = session.value;
  return (
    <div class="page page-more">
      <h1>{t("More")}</h1>
      {who ? (
        <div class="card more-who">
          <Avatar name={who.name} address={who.address} size={48} dot={false} />
          <span>
            <strong dir="auto">{who.name || who.address}</strong>
            <span dir="ltr">{who.address}</span>
          </span>
        </div>
      ) : null}
      <ul class="card more-list">
        <Item to={{ page: "settings", section: "general" }} icon="settings" text={t("Settings")} />
        <Item to={{ page: "settings", section: "identities" }} icon="edit" text={t("Signatures")} />
        <Item to={{ page: "settings", section: "vacation" }} icon="sent" text={t("Automatic replies")} />
        <Item to={{ page: "settings", section: "multipop" }} icon="collect" text={t("Collected mailboxes")} />
        {who?.admin ? (
          <li>
            <a class="more-item" href="/admin/">
              <Icon name="shield" />
              <span>{t("Administration")}</span>
              <Icon name="right" size={18} />
            </a>
          </li>
        ) : null}
      </ul>
      <form class="card more-list" method="post" action="/logout" onSubmit={signOut}>
        <button class="more-item more-out" type="submit">
          <Icon name="signout" />
          <span>{t("Sign out")}</span>
        </button>
      </form>
    </div>
  );
}
