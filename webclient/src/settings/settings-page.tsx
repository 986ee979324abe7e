/** Settings: how the page looks and behaves, and the collected mailboxes. */
import type { ComponentChildren, VNode } from "preact";
import { t } from "../core/i18n.js";
import { hrefOf } from "../core/router.js";
import { session, settings, type Settings } from "../core/session.js";
import { saveSettings } from "../shell/topbar.js";
import { Button } from "../ui/button.js";
import { mayNotify } from "../ui/cards.js";
import { Icon, type IconName } from "../ui/icon.js";
import { toastError } from "../ui/toast.js";
import { mayOpenMailLinks, openMailLinksHere } from "./mail-links.js";
import { MailSettings } from "./mail-settings.js";
import { MultipopPage } from "./multipop-page.js";

interface Choice<T> {
  readonly value: T;
  readonly text: string;
  readonly icon?: IconName;
}

interface SegmentedProps<K extends keyof Settings> {
  readonly name: K;
  readonly label: string;
  readonly choices: readonly Choice<Settings[K]>[];
  /** Saves another way. */
  readonly save?: (value: Settings[K]) => void;
}

/** One of a few values; all of them in view. */
function Segmented<K extends keyof Settings>({ name, label, choices, save = (value) => saveSettings({ [name]: value }) }: SegmentedProps<K>): VNode {
  return (
    <div class="segmented" role="radiogroup" aria-label={label}>
      {choices.map(({ value, text, icon }) => (
        <label key={text}>
          <input type="radio" name={name} checked={settings.value[name] === value} onChange={() => save(value)} />
          <span>
            {icon ? <Icon name={icon} size={18} /> : null}
            {text}
          </span>
        </label>
      ))}
    </div>
  );
}

function Line({ title, note, children }: { title: string; note?: string; children: ComponentChildren }): VNode {
  return (
    <div class="setting">
      <div class="setting-words">
        <h3>{title}</h3>
        {note ? <p>{note}</p> : null}
      </div>
      <div class="setting-control">{children}</div>
    </div>
  );
}

function Switch({ label, on, change }: { label: string; on: boolean; change: (on: boolean) => void }): VNode {
  return <input type="checkbox" role="switch" class="switch" aria-label={label} checked={on} onChange={(event) => change(event.currentTarget.checked)} />;
}

/** The browser must agree before the system shows anything; it is asked here and nowhere else. */
async function allowed(): Promise<boolean> {
  const yes = await mayNotify();
  if (!yes) toastError(t("The browser does not allow notifications from this page. Allow them beside the address bar."));
  return yes;
}

async function setNotifications(on: boolean): Promise<void> {
  saveSettings({ notifications: on && (await allowed()) });
}

async function setMailNotice(wanted: Settings["mail_notice"]): Promise<void> {
  const system = wanted === "browser" || wanted === "both";
  saveSettings({ mail_notice: system && !(await allowed()) ? "page" : wanted });
}

function Appearance(): VNode {
  return (
    <section class="card" aria-labelledby="set-looks">
      <h2 id="set-looks">{t("Appearance")}</h2>
      <Line title={t("Colours")}>
        <Segmented
          name="theme"
          label={t("Colours")}
          choices={[
            { value: "system", text: t("System"), icon: "display" },
            { value: "light", text: t("Light"), icon: "sun" },
            { value: "dark", text: t("Dark"), icon: "moon" },
          ]}
        />
      </Line>
      <Line title={t("Density")} note={t("How much stands on the screen.")}>
        <Segmented
          name="density"
          label={t("Density")}
          choices={[
            { value: "comfortable", text: t("Comfortable") },
            { value: "compact", text: t("Compact") },
          ]}
        />
      </Line>
      <Line title={t("Reading pane")} note={t("Where a message opens. A phone always shows one pane.")}>
        <Segmented
          name="reading_pane"
          label={t("Reading pane")}
          choices={[
            { value: "right", text: t("Beside") },
            { value: "bottom", text: t("Below") },
            { value: "off", text: t("Off") },
          ]}
        />
      </Line>
    </section>
  );
}

function Behaviour(): VNode {
  return (
    <section class="card" aria-labelledby="set-mail">
      <h2 id="set-mail">{t("Mail and chat")}</h2>
      <Line title={t("Images from the internet")} note={t("Loading them tells the sender that, when and where you read the message.")}>
        <Segmented
          name="remote_images"
          label={t("Images from the internet")}
          choices={[
            { value: "ask", text: t("Ask") },
            { value: "always", text: t("Always show") },
          ]}
        />
      </Line>
      <Line title={t("New mail")} note={t("A card in the corner of the page, a notification of the system while the page is in the background, or both.")}>
        <Segmented
          name="mail_notice"
          label={t("New mail")}
          choices={[
            { value: "off", text: t("Off") },
            { value: "page", text: t("Page") },
            { value: "browser", text: t("System") },
            { value: "both", text: t("Both") },
          ]}
          save={(value) => void setMailNotice(value)}
        />
      </Line>
      <Line title={t("Chat notifications")} note={t("From the system, while this page is in the background.")}>
        <Switch label={t("Chat notifications")} on={settings.value.notifications} change={(on) => void setNotifications(on)} />
      </Line>
      {mayOpenMailLinks() ? (
        <Line title={t("Mail links")} note={t("Mail addresses in other web pages and programs open a new message here. Your browser asks whether you want that, and lists it in its own settings.")}>
          <Button onClick={openMailLinksHere}>{t("Open mail links here")}</Button>
        </Line>
      ) : null}
      <Line title={t("Sounds")} note={t("For new mail and chat messages.")}>
        <Switch label={t("Sounds")} on={settings.value.sounds} change={(sounds) => saveSettings({ sounds })} />
      </Line>
    </section>
  );
}

function About(): VNode | null {
  const who = session.value;
  if (!who) return null;
  return (
    <section class="card" aria-labelledby="set-about">
      <h2 id="set-about">{t("Account")}</h2>
      <Line title={t("Address")}>
        <span dir="ltr">{who.address}</span>
      </Line>
      <Line title={t("Version")}>
        <span dir="ltr">{who.version}</span>
      </Line>
    </section>
  );
}

const TABS = ["general", "identities", "vacation", "multipop"] as const;

export function SettingsPage({ section }: { section: string }): VNode {
  const current = TABS.find((tab) => tab === section) ?? "general";
  const names = { general: t("General"), identities: t("Signatures"), vacation: t("Automatic replies"), multipop: t("Collected mailboxes") };
  return (
    <div class="page page-settings">
      <div class="page-column">
        <header class="page-head">
          <h1>{t("Settings")}</h1>
          <nav class="tabs" aria-label={t("Settings")}>
            {TABS.map((tab) => (
              <a key={tab} href={hrefOf({ page: "settings", section: tab })} aria-current={tab === current ? "page" : undefined}>
                {names[tab]}
              </a>
            ))}
          </nav>
        </header>
        {current === "multipop" ? (
          <MultipopPage />
        ) : current === "identities" ? (
          <MailSettings page="IdentitiesPage" />
        ) : current === "vacation" ? (
          <MailSettings page="VacationPage" />
        ) : (
          <>
            <Appearance />
            <Behaviour />
            <About />
          </>
        )}
      </div>
    </div>
  );
}
