/** Entry of the administration page. */
import { signal } from "@preact/signals";
import { render, type ComponentType, type VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { explain, sessionExpired } from "../core/http.js";
import { language, t } from "../core/i18n.js";
import { loadSession, session, settings } from "../core/session.js";
import { followSettings } from "../shell/layout.js";
import { Boundary } from "../ui/boundary.js";
import { Button } from "../ui/button.js";
import { closeDialogs, Dialogs } from "../ui/dialog.js";
import { EmptyState } from "../ui/empty.js";
import { Icon, type IconName } from "../ui/icon.js";
import { Toasts } from "../ui/toast.js";
import { Addresses } from "./addresses.js";
import { Connections } from "./connections.js";
import { Filters } from "./filters.js";
import { Multipop } from "./multipop.js";
import { Overview } from "./overview.js";
import { QueuePage } from "./queue.js";
import { RecordPage } from "./record.js";
import { followSections, section, SECTIONS, sectionHref, type Section } from "./sections.js";
import { TracePage } from "./trace.js";
import { Users } from "./users.js";

const failure = signal<string | null>(null);

const PAGES: Readonly<Record<Section, ComponentType>> = { overview: Overview, users: Users, connections: Connections, queue: QueuePage, trace: TracePage, filters: Filters, record: RecordPage, multipop: Multipop, addresses: Addresses };

function titleOf(name: Section): { text: string; icon: IconName } {
  const titles: Record<Section, { text: string; icon: IconName }> = {
    overview: { text: t("Overview"), icon: "server" },
    users: { text: t("Accounts"), icon: "user" },
    connections: { text: t("Connections"), icon: "chat" },
    queue: { text: t("Queue"), icon: "clock" },
    trace: { text: t("Way of a mail"), icon: "search" },
    filters: { text: t("Filters"), icon: "check" },
    record: { text: t("Record"), icon: "shield" },
    multipop: { text: t("MultiPOP"), icon: "collect" },
    addresses: { text: t("Aliases"), icon: "at" },
  };
  return titles[name];
}

function Expired(): VNode | null {
  if (!sessionExpired.value) return null;
  return (
    <div class="banner banner-warn" role="alert">
      <Icon name="lock" size={18} />
      <span>{t("You have been signed out.")}</span>
      <a class="button button-primary" href="/login">
        {t("Sign in again")}
      </a>
    </div>
  );
}

function Nav({ here }: { here: Section }): VNode {
  const bar = useRef<HTMLElement>(null);
  useEffect(() => {
    // On a phone the bar scrolls sideways.
    bar.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [here]);
  return (
    <nav ref={bar} class="admin-nav" aria-label={t("Sections")}>
      {SECTIONS.map((name) => {
        const { text, icon } = titleOf(name);
        return (
          <a key={name} href={sectionHref(name)} aria-current={name === here ? "page" : undefined} onClick={closeDialogs}>
            <Icon name={icon} />
            <span>{text}</span>
          </a>
        );
      })}
    </nav>
  );
}

function Page(): VNode {
  const here = section.value;
  const Current = PAGES[here];
  return (
    <div class="admin">
      <header class="admin-bar">
        <a class="icon-button" href="/" title={t("Back to the mail")} aria-label={t("Back to the mail")}>
          <Icon name="back" />
        </a>
        <span class="admin-name">{t("Administration")}</span>
        <span class="admin-who" dir="ltr">
          {session.value?.address}
        </span>
      </header>
      <Expired />
      <Nav here={here} />
      <main class="admin-main" id="main">
        <div class="admin-column">
          <Boundary key={here}>
            <Current />
          </Boundary>
        </div>
      </main>
      <Dialogs />
      <Toasts />
    </div>
  );
}

function Admin(): VNode {
  if (failure.value !== null) {
    return (
      <EmptyState icon="warning" title={t("The page could not be started")} text={failure.value}>
        <Button kind="primary" icon="refresh" onClick={() => void startUp()}>
          {t("Try again")}
        </Button>
      </EmptyState>
    );
  }
  return session.value ? <Page /> : <div class="admin" aria-busy="true" />;
}

async function startUp(): Promise<void> {
  failure.value = null;
  try {
    const who = await loadSession();
    language.value = settings.value.language || who.language || "en";
    followSettings();
  } catch (error) {
    if (sessionExpired.value) location.assign("/login");
    else failure.value = explain(error);
  }
}

const root = document.getElementById("app");
if (root) {
  followSections();
  addEventListener("hashchange", closeDialogs);
  render(<Admin />, root);
  void startUp();
}
