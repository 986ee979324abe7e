/** The whole page: bars, folders, the view of the route, dialogs and toasts. */
import { effect, signal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { chat } from "../chat/index.js";
import { startChat } from "../chat/load.js";
import { ComposeButton } from "../compose/buttons.js";
import { composing, covering, taken } from "../compose/index.js";
import { compose, restoreCompose } from "../compose/load.js";
import { explain, sessionExpired } from "../core/http.js";
import { language, t } from "../core/i18n.js";
import { route, startRouter } from "../core/router.js";
import { loadSession, settings } from "../core/session.js";
import { JmapClient } from "../jmap/client.js";
import { Commands } from "../mail/commands.js";
import { MailContext, type MailServices } from "../mail/context.js";
import { Folders } from "../mail/folders.js";
import { MailPage } from "../mail/mail-page.js";
import { Mail } from "../mail/model.js";
import { SettingsPage } from "../settings/settings-page.js";
import { Boundary } from "../ui/boundary.js";
import { Button } from "../ui/button.js";
import { Cards } from "../ui/cards.js";
import { closeDialogs, Dialogs } from "../ui/dialog.js";
import { EmptyState } from "../ui/empty.js";
import { bell } from "../ui/sound.js";
import { Toasts } from "../ui/toast.js";
import { Banner, restorePlace, toLogin } from "./banner.js";
import { BottomBar } from "./bottombar.js";
import { openKeySheet } from "./key-sheet.js";
import { keyTable, listenForKeys } from "./keys.js";
import { drawerOpen, followSettings, hasDrawer, isPhone } from "./layout.js";
import { ChatPage, ContactsPage, MorePage } from "./pages.js";
import { announceMail, followTitle } from "./notify.js";
import { focusSearch } from "./search-box.js";
import { TopBar } from "./topbar.js";

const services = signal<MailServices | null>(null);
const failure = signal<string | null>(null);

/** Milliseconds behind the first list until chat is fetched. */
const CHAT_AFTER = 300;
/** Milliseconds that the first list has for itself, at most. */
const LIST_MOST = 5_000;

/** Waits until the first list is there or cannot be had; not for ever, nor where none is shown. */
async function firstList(mail: Mail): Promise<void> {
  let stop: (() => void) | undefined;
  await new Promise<void>((resolve) => {
    setTimeout(resolve, LIST_MOST);
    stop = effect(() => {
      const listing = mail.view.value?.listing;
      const over = listing && (listing.total.value !== null || listing.failure.value !== null);
      if (over || route.value.page !== "mail") resolve();
    });
  });
  stop?.();
}

/** Asks once for what came between the first list and the first stream of changes. */
function catchUp(mail: Mail): void {
  const stop = effect(() => {
    if (mail.live.value !== "connecting") queueMicrotask(() => (stop(), void mail.refresh()));
  });
}

/** A link to a mail address that led here: `#/mailto/<link>`, as links in formatted mail do. */
function mailtoOfAddress(): string | null {
  const found = /^#\/mailto\/(.+)$/.exec(location.hash)?.[1];
  if (found === undefined) return null;
  history.replaceState(null, "", "#/mail/inbox");
  try {
    return decodeURIComponent(found);
  } catch {
    return null;
  }
}

/** Signs on to everything: session, JMAP, then chat when the first view is up. */
async function startUp(): Promise<void> {
  failure.value = null;
  const link = mailtoOfAddress();
  try {
    const [who, client] = await Promise.all([loadSession(), JmapClient.connect()]);
    language.value = settings.value.language || who.language || "en";
    // The two know each other: commands act on mail, mail tells what leaves the list.
    let commands: Commands | null = null;
    const mail = new Mail(
      client,
      (emails) => commands && announceMail(emails, commands),
      (ids) => commands?.leaving(ids),
    );
    commands = new Commands(mail);
    services.value = { mail, commands };
    await mail.start();
    followTitle(mail);
    if (link) void compose(services.value, { kind: "mailto", href: link });
    bell.start();
    await firstList(mail);
    catchUp(mail);
    setTimeout(() => void startChat(who), CHAT_AFTER);
    setTimeout(() => services.value && restoreCompose(services.value), CHAT_AFTER);
  } catch (error) {
    if (sessionExpired.value) toLogin();
    else failure.value = explain(error);
  }
}

function Sidebar(): VNode {
  const parts = chat.value;
  const open = !hasDrawer.value || drawerOpen.value;
  return (
    <>
      {hasDrawer.value && open ? <div class="scrim" onClick={() => (drawerOpen.value = false)} /> : null}
      <aside class={open ? "sidebar open" : "sidebar"} inert={!open}>
        <ComposeButton hovering={false} />
        <Boundary>
          <Folders />
        </Boundary>
        {parts && !isPhone.value ? (
          <Boundary>
            <parts.Contacts page={false} />
          </Boundary>
        ) : null}
      </aside>
    </>
  );
}

function Page(): VNode {
  const here = route.value;
  switch (here.page) {
    case "settings":
      return <SettingsPage section={here.section} />;
    case "chat":
      return <ChatPage jid={here.jid} />;
    case "contacts":
      return <ContactsPage />;
    case "more":
      return <MorePage />;
    default:
      return <MailPage />;
  }
}

function Ready({ ready }: { ready: MailServices }): VNode {
  const table = useMemo(() => () => keyTable(ready, () => openKeySheet(table()), focusSearch), [ready]);
  useEffect(() => listenForKeys(table), [table]);
  useEffect(() => followSettings(), []);
  const here = route.value;
  useEffect(closeDialogs, [here]);
  const reading = isPhone.value && (here.page === "mail" || here.page === "search" ? here.email !== undefined : here.page === "chat" && here.jid !== undefined);
  const parts = chat.value;
  const writing = composing.value;
  useEffect(() => followMailto((href) => void compose(ready, { kind: "mailto", href })), [ready]);
  return (
    <MailContext.Provider value={ready}>
      <div class={reading ? "app app-reading" : "app"} inert={covering.value} style={{ "--docked": `${taken.value}px` }}>
        <TopBar showKeys={() => openKeySheet(table())} />
        <Banner />
        <div class="body">
          <Sidebar />
          <main class="main" id="main">
            <Boundary key={here.page}>
              <Page />
            </Boundary>
          </main>
        </div>
        {isPhone.value ? <BottomBar /> : parts ? <parts.Dock /> : null}
        {here.page === "mail" || here.page === "search" ? reading ? null : <ComposeButton hovering /> : null}
      </div>
      {writing ? <writing.Windows /> : null}
      <Dialogs />
      <Cards />
      <Toasts />
    </MailContext.Provider>
  );
}

/** Links to mail addresses open a window here, not a program of the system; returns the function that stops it. */
function followMailto(open: (href: string) => void): () => void {
  const onClick = (event: MouseEvent): void => {
    const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a[href^='mailto:' i]") : null;
    if (!link || event.defaultPrevented || event.button !== 0) return;
    event.preventDefault();
    open(link.href);
  };
  document.addEventListener("click", onClick);
  return () => document.removeEventListener("click", onClick);
}

function Starting(): VNode {
  return (
    <div class="app" aria-busy="true">
      <header class="topbar" />
      <div class="body">
        <div class="starting">
          <span class="spinner" role="img" aria-label={t("Loading")} />
        </div>
      </div>
    </div>
  );
}

export function App(): VNode {
  useEffect(() => {
    restorePlace();
    const stop = startRouter();
    void startUp();
    return stop;
  }, []);
  if (failure.value) {
    return (
      <EmptyState icon="warning" title={t("The page could not be started")} text={failure.value}>
        <Button kind="primary" icon="refresh" onClick={() => void startUp()}>
          {t("Try again")}
        </Button>
      </EmptyState>
    );
  }
  return services.value ? <Ready ready={services.value} /> : <Starting />;
}
