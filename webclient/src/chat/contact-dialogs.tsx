/** Dialogs about contacts: adding one, and choosing one to talk to. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { t } from "../core/i18n.js";
import { Avatar } from "../ui/avatar.js";
import { Button } from "../ui/button.js";
import { DialogBody, openDialog } from "../ui/dialog.js";
import { addressOfJid, isAddress, jidOfAddress } from "./jids.js";
import type { Chat } from "./model.js";

function AddContact({ chat, address: given, done }: { chat: Chat; address: string; done: () => void }): VNode {
  const [address, setAddress] = useState(given);
  const [name, setName] = useState("");
  const [busy, setBusy] = useState(false);
  const [complaint, setComplaint] = useState("");
  const submit = async (): Promise<void> => {
    const wanted = address.trim();
    if (chat.roster.items.value.has(jidOfAddress(wanted))) {
      done();
      chat.open(wanted);
      return;
    }
    setBusy(true);
    const refused = isAddress(wanted) ? await chat.contacts.add(wanted, name.trim()) : t("An address looks like name@example.org.");
    setBusy(false);
    if (refused === null) done();
    else setComplaint(refused);
  };
  const footer = (
    <>
      <Button onClick={done}>{t("Cancel")}</Button>
      <Button kind="primary" type="submit" busy={busy} disabled={!address.trim()}>
        {t("Add")}
      </Button>
    </>
  );
  return (
    <DialogBody title={t("Add a contact")} onClose={done} onSubmit={() => void submit()} footer={footer}>
      <p>{t("They are asked whether you may see when they are there, and may see the same of you.")}</p>
      <label class="field">
        <span>{t("Address")}</span>
        <input type="email" dir="ltr" autofocus autocomplete="off" maxLength={320} value={address} aria-invalid={complaint ? true : undefined} onInput={(event) => setAddress(event.currentTarget.value)} />
        {complaint ? (
          <span class="field-error" role="alert">
            {complaint}
          </span>
        ) : null}
      </label>
      <label class="field">
        <span>{t("Name (optional)")}</span>
        <input dir="auto" autocomplete="off" maxLength={100} value={name} onInput={(event) => setName(event.currentTarget.value)} />
      </label>
    </DialogBody>
  );
}

export function openAddContact(chat: Chat, address = ""): void {
  openDialog((done) => <AddContact chat={chat} address={address} done={done} />);
}

/** People whose name or address contains the words. */
export function matching(chat: Chat, words: string): string[] {
  const wanted = words.trim().toLowerCase();
  const all = [...chat.roster.items.value.keys()].filter((jid) => chat.roster.nameOf(jid).toLowerCase().includes(wanted) || addressOfJid(jid).includes(wanted));
  return all.sort((a, b) => chat.roster.nameOf(a).localeCompare(chat.roster.nameOf(b)));
}

const SHOWN = 100;

function PickContact({ chat, done }: { chat: Chat; done: () => void }): VNode {
  const [words, setWords] = useState("");
  const found = matching(chat, words).slice(0, SHOWN);
  const pick = (address: string): void => {
    done();
    chat.open(address);
  };
  const submit = (): void => {
    const first = found[0];
    if (first !== undefined) pick(addressOfJid(first));
    else if (isAddress(words.trim())) pick(words.trim());
  };
  return (
    <DialogBody title={t("New conversation")} onClose={done} onSubmit={submit}>
      <input type="search" dir="auto" autofocus autocomplete="off" aria-label={t("Name or address")} placeholder={t("Name or address")} value={words} onInput={(event) => setWords(event.currentTarget.value)} />
      <ul class="pick-list">
        {found.map((jid) => (
          <li key={jid}>
            <button type="button" class="pick pick-person" onClick={() => pick(addressOfJid(jid))}>
              <Avatar name={chat.roster.nameOf(jid)} address={addressOfJid(jid)} size={28} />
              <span dir="auto">{chat.roster.nameOf(jid)}</span>
              <span class="pick-address" dir="ltr">
                {addressOfJid(jid)}
              </span>
            </button>
          </li>
        ))}
        {found.length ? null : <li class="pick pick-none">{isAddress(words.trim()) ? t("Press Enter to write to this address.") : t("No contact of this name")}</li>}
      </ul>
    </DialogBody>
  );
}

export function openPickContact(chat: Chat): void {
  openDialog((done) => <PickContact chat={chat} done={done} />);
}
