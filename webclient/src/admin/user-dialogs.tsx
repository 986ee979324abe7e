/** Dialogs about accounts: a new one, another name, another password. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { explain, Problem } from "../core/http.js";
import { t } from "../core/i18n.js";
import { Button, IconButton } from "../ui/button.js";
import { DialogBody, openDialog } from "../ui/dialog.js";
import { toast } from "../ui/toast.js";
import { call, type User } from "./api.js";
import { generatePassword } from "./passwords.js";

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast({ text: t("Copied.") });
  } catch {
    toast({ text: t("The browser does not allow copying here."), kind: "error" });
  }
}

/** A password that is shown: generated, or typed over. */
function PasswordField({ value, change, complaint }: { value: string; change: (text: string) => void; complaint?: string | undefined }): VNode {
  return (
    <label class="field">
      <span>{t("Password")}</span>
      <span class="with-buttons">
        <input dir="ltr" class="mono" autocomplete="off" spellcheck={false} maxLength={1000} value={value} aria-invalid={complaint ? true : undefined} onInput={(event) => change(event.currentTarget.value)} />
        <IconButton icon="refresh" label={t("Generate another")} onClick={() => change(generatePassword())} />
        <IconButton icon="file" label={t("Copy")} onClick={() => void copy(value)} />
      </span>
      {complaint ? <span class="field-error">{complaint}</span> : <span class="field-note">{t("Pass it on now: it is not shown again.")}</span>}
    </label>
  );
}

function Foot({ done, busy, yes }: { done: () => void; busy: boolean; yes: string }): VNode {
  return (
    <>
      <Button onClick={done}>{t("Cancel")}</Button>
      <Button kind="primary" type="submit" busy={busy}>
        {yes}
      </Button>
    </>
  );
}

interface FormProps {
  readonly done: () => void;
  readonly saved: () => void;
}

/** Sends a form; what the server refuses is kept for the fields. */
function useSubmit({ done, saved }: FormProps): { busy: boolean; refusal: Problem | Error | null; submit: (run: () => Promise<unknown>) => void } {
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<Problem | Error | null>(null);
  const submit = (run: () => Promise<unknown>): void => {
    setBusy(true);
    run().then(
      () => {
        saved();
        done();
      },
      (error: unknown) => {
        setBusy(false);
        setRefusal(error instanceof Error ? error : new Error(String(error)));
      },
    );
  };
  return { busy, refusal, submit };
}

function fieldOf(refusal: Problem | Error | null, name: string): string | undefined {
  return refusal instanceof Problem ? refusal.field(name) : undefined;
}

function General({ refusal, names }: { refusal: Problem | Error | null; names: readonly string[] }): VNode | null {
  if (!refusal || names.some((name) => fieldOf(refusal, name))) return null;
  return (
    <p class="field-error" role="alert">
      {explain(refusal)}
    </p>
  );
}

function AddUser({ domains, done, saved }: FormProps & { domains: readonly string[] }): VNode {
  const [local, setLocal] = useState("");
  const [domain, setDomain] = useState(domains[0] ?? "");
  const [name, setName] = useState("");
  const [admin, setAdmin] = useState(false);
  const [password, setPassword] = useState(generatePassword);
  const { busy, refusal, submit } = useSubmit({ done, saved });
  const add = (): void => submit(() => call("user.add", { address: `${local.trim()}@${domain}`, password, name: name.trim(), ...(admin ? { admin } : {}) }));
  const complaint = fieldOf(refusal, "address");
  return (
    <DialogBody title={t("Add an account")} onClose={done} onSubmit={add} footer={<Foot done={done} busy={busy} yes={t("Add")} />}>
      <label class="field">
        <span>{t("Address")}</span>
        <span class="address-row" dir="ltr">
          <input autofocus required autocomplete="off" spellcheck={false} maxLength={64} value={local} aria-invalid={complaint ? true : undefined} onInput={(event) => setLocal(event.currentTarget.value)} />
          <span aria-hidden="true">@</span>
          {domains.length > 1 ? (
            <select aria-label={t("Domain")} value={domain} onChange={(event) => setDomain(event.currentTarget.value)}>
              {domains.map((item) => (
                <option key={item}>{item}</option>
              ))}
            </select>
          ) : (
            <span>{domain}</span>
          )}
        </span>
        {complaint ? <span class="field-error">{complaint}</span> : null}
      </label>
      <label class="field">
        <span>{t("Name")}</span>
        <input dir="auto" autocomplete="off" maxLength={200} value={name} onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      <PasswordField value={password} change={setPassword} complaint={fieldOf(refusal, "password")} />
      <label class="check">
        <input type="checkbox" checked={admin} onChange={(event) => setAdmin(event.currentTarget.checked)} />
        <span>{t("May administer the server")}</span>
      </label>
      <General refusal={refusal} names={["address", "password"]} />
    </DialogBody>
  );
}

function SetPassword({ user, done, saved }: FormProps & { user: User }): VNode {
  const [password, setPassword] = useState(generatePassword);
  const { busy, refusal, submit } = useSubmit({ done, saved });
  return (
    <DialogBody
      title={t("New password")}
      onClose={done}
      onSubmit={() => submit(() => call("user.passwd", { address: user.address, password }))}
      footer={<Foot done={done} busy={busy} yes={t("Set")} />}
    >
      <p dir="auto">{t("For {address}. The old one no longer works.", { address: user.address })}</p>
      <PasswordField value={password} change={setPassword} complaint={fieldOf(refusal, "password")} />
      <General refusal={refusal} names={["password"]} />
    </DialogBody>
  );
}

/** Deleting is confirmed by typing the address: it takes the mail along. */
function DeleteUser({ user, done, saved }: FormProps & { user: User }): VNode {
  const [typed, setTyped] = useState("");
  const { busy, refusal, submit } = useSubmit({ done, saved });
  const sure = typed.trim().toLowerCase() === user.address;
  const footer = (
    <>
      <Button onClick={done}>{t("Cancel")}</Button>
      <Button kind="danger" type="submit" busy={busy} disabled={!sure}>
        {t("Delete")}
      </Button>
    </>
  );
  return (
    <DialogBody title={t("Delete this account?")} onClose={done} onSubmit={() => sure && submit(() => call("user.delete", { address: user.address }))} footer={footer}>
      <p dir="auto">{t("All mail of {address} is deleted with it. What it said in chat stays in the record.", { address: user.address })}</p>
      <label class="field">
        <span>{t("Type the address to confirm")}</span>
        <input dir="ltr" autofocus autocomplete="off" spellcheck={false} value={typed} onInput={(event) => setTyped(event.currentTarget.value)} />
      </label>
      <General refusal={refusal} names={[]} />
    </DialogBody>
  );
}

export function openAddUser(domains: readonly string[], saved: () => void): void {
  openDialog((done) => <AddUser domains={domains} done={done} saved={saved} />);
}

export function openSetPassword(user: User): void {
  openDialog((done) => <SetPassword user={user} done={done} saved={() => toast({ text: t("The password of {address} is set.", { address: user.address }) })} />);
}

export function openDeleteUser(user: User, saved: () => void): void {
  openDialog((done) => <DeleteUser user={user} done={done} saved={saved} />);
}
