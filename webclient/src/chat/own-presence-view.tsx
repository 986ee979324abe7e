/** The button in the top bar that shows one's own presence and changes it. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { t } from "../core/i18n.js";
import { showText } from "../ui/avatar.js";
import { Button } from "../ui/button.js";
import { DialogBody, openDialog } from "../ui/dialog.js";
import { Icon } from "../ui/icon.js";
import { MenuButton, type MenuEntry } from "../ui/menu.js";
import { useChat } from "./context.js";
import type { Chosen } from "./memory.js";
import type { Chat } from "./model.js";

function StatusDialog({ chat, done }: { chat: Chat; done: () => void }): VNode {
  const [text, setText] = useState(chat.own.chosen.value.status);
  const save = (status: string): void => {
    chat.own.choose({ status: status.trim() });
    done();
  };
  const footer = (
    <>
      {chat.own.chosen.value.status ? <Button onClick={() => save("")}>{t("Remove")}</Button> : null}
      <span class="grow" />
      <Button onClick={done}>{t("Cancel")}</Button>
      <Button kind="primary" type="submit">
        {t("Save")}
      </Button>
    </>
  );
  return (
    <DialogBody title={t("Status text")} onClose={done} onSubmit={() => save(text)} footer={footer}>
      <label class="field">
        <span>{t("Seen by your contacts")}</span>
        <input dir="auto" autofocus maxLength={200} placeholder={t("In a meeting until noon")} value={text} onInput={(event) => setText(event.currentTarget.value)} />
      </label>
    </DialogBody>
  );
}

function entries(chat: Chat): MenuEntry[] {
  const { show, status } = chat.own.chosen.value;
  const choice = (wanted: Chosen["show"], label: string): MenuEntry => ({ label, checked: show === wanted, run: () => chat.own.choose({ show: wanted }) });
  return [
    choice("online", t("Online")),
    choice("away", t("Away")),
    choice("dnd", t("Do not disturb")),
    choice("offline", t("Offline (invisible)")),
    "separator",
    { label: status ? t("Status: {status}", { status }) : t("Status text…"), icon: "edit", run: () => openDialog((done) => <StatusDialog chat={chat} done={done} />) },
  ];
}

export function OwnPresenceView(): VNode {
  const chat = useChat();
  const online = chat.link.state.value.phase === "online";
  const show = online ? chat.own.shown.value.show : "offline";
  const text = online ? showText(show) : t("Not connected");
  return (
    <MenuButton class="own-presence" label={t("Your presence: {show}", { show: text })} items={() => entries(chat)}>
      <span class={`presence presence-${show}`} aria-hidden="true" />
      <span class="own-presence-text">{text}</span>
      <Icon name="down" size={14} />
    </MenuButton>
  );
}
