/** The bar along the lower edge of a phone. */
import type { VNode } from "preact";
import { chatUnread } from "../chat/index.js";
import { formatNumber, t } from "../core/i18n.js";
import { hrefOf, route, type Route } from "../core/router.js";
import { useMail } from "../mail/context.js";
import type { IconName } from "../ui/icon.js";
import { IconLabel } from "./topbar.js";

interface Tab {
  readonly to: Route;
  readonly pages: readonly Route["page"][];
  readonly icon: IconName;
  readonly text: string;
  readonly count: number;
}

export function BottomBar(): VNode {
  const { mail } = useMail();
  const tabs: readonly Tab[] = [
    { to: { page: "mail", folder: "inbox" }, pages: ["mail", "search"], icon: "mail", text: t("Mail"), count: mail.mailboxes.inboxUnread.value },
    { to: { page: "chat" }, pages: ["chat"], icon: "chat", text: t("Chat"), count: chatUnread.value },
    { to: { page: "contacts" }, pages: ["contacts"], icon: "contacts", text: t("Contacts"), count: 0 },
    { to: { page: "more" }, pages: ["more", "settings"], icon: "menu", text: t("More"), count: 0 },
  ];
  return (
    <nav class="bottombar" aria-label={t("Parts of the page")}>
      {tabs.map((tab) => (
        <a key={tab.icon} href={hrefOf(tab.to)} class="bottom-tab" aria-current={tab.pages.includes(route.value.page) ? "page" : undefined}>
          <IconLabel icon={tab.icon} text={tab.text} />
          {tab.count ? <span class="bottom-count">{tab.count > 99 ? "99+" : formatNumber(tab.count)}</span> : null}
        </a>
      ))}
    </nav>
  );
}
