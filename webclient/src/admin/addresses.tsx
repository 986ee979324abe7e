/** Aliases and groups: other names of accounts, and names for several. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { explain } from "../core/http.js";
import { t, tn } from "../core/i18n.js";
import { Button, IconButton } from "../ui/button.js";
import { confirmDialog, DialogBody, openDialog, promptDialog } from "../ui/dialog.js";
import { Icon } from "../ui/icon.js";
import { attempt, call, useLoaded } from "./api.js";
import { Failure, Head } from "./parts.js";

interface Alias {
  readonly address: string;
  readonly target: string;
}
interface Group {
  readonly address: string;
  readonly name: string;
  readonly members: readonly string[];
}
interface Field {
  readonly name: string;
  readonly label: string;
  readonly kind: "address" | "text";
  readonly required: boolean;
}

/** A small form for one operation. */
function Form({ title, operation, fields, done, saved }: { title: string; operation: string; fields: readonly Field[]; done: () => void; saved: () => void }): VNode {
  const [values, setValues] = useState<Readonly<Record<string, string>>>({});
  const [complaint, setComplaint] = useState("");
  const submit = async (): Promise<void> => {
    try {
      await call(operation, values);
      saved();
      done();
    } catch (error) {
      setComplaint(explain(error));
    }
  };
  const footer = (
    <>
      <Button onClick={done}>{t("Cancel")}</Button>
      <Button kind="primary" type="submit">
        {t("Add")}
      </Button>
    </>
  );
  return (
    <DialogBody title={title} onClose={done} onSubmit={() => void submit()} footer={footer}>
      {fields.map((field, index) => (
        <label key={field.name} class="field">
          <span>{field.label}</span>
          <input
            dir={field.kind === "address" ? "ltr" : "auto"}
            autocomplete="off"
            spellcheck={false}
            required={field.required}
            autofocus={index === 0}
            maxLength={320}
            value={values[field.name] ?? ""}
            onInput={(event) => setValues({ ...values, [field.name]: event.currentTarget.value.trim() })}
          />
        </label>
      ))}
      {complaint ? (
        <p class="field-error" role="alert">
          {complaint}
        </p>
      ) : null}
    </DialogBody>
  );
}

async function drop(title: string, address: string, operation: string, reload: () => Promise<void>): Promise<void> {
  if (!(await confirmDialog({ title, text: t("Mail to {address} no longer arrives.", { address }), yes: t("Remove"), danger: true }))) return;
  await attempt(t("It could not be removed."), () => call(operation, { address }));
  await reload();
}

function Aliases(): VNode {
  const loaded = useLoaded(() => call<Alias[]>("alias.list"));
  const all = loaded.data.value ?? [];
  const add = (): void => {
    const fields: Field[] = [
      { name: "address", label: t("New name"), kind: "address", required: true },
      { name: "target", label: t("Its mail goes to"), kind: "address", required: true },
    ];
    openDialog((done) => <Form title={t("Add an alias")} operation="alias.add" fields={fields} done={done} saved={() => void loaded.reload()} />);
  };
  return (
    <section class="card list-card" aria-labelledby="aliases">
      <header class="list-card-head">
        <h2 id="aliases">{t("Aliases")}</h2>
        <Button icon="plus" onClick={add}>
          {t("Add")}
        </Button>
      </header>
      <Failure loaded={loaded} />
      {loaded.data.value && !all.length ? <p class="list-none">{t("No aliases yet: an alias is another name of an account.")}</p> : null}
      <ul>
        {all.map((alias) => (
          <li key={alias.address + alias.target} class="list-line">
            <span class="list-words" dir="ltr">
              <strong>{alias.address}</strong> <Icon name="right" size={14} /> <span>{alias.target}</span>
            </span>
            <IconButton icon="trash" size={18} label={t("Remove {address}", { address: alias.address })} onClick={() => void drop(t("Remove this alias?"), alias.address, "alias.delete", loaded.reload)} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function GroupLine({ group, reload }: { group: Group; reload: () => Promise<void> }): VNode {
  const join = async (): Promise<void> => {
    const member = await promptDialog({ title: t("Add to {group}", { group: group.address }), label: t("Address of the new member"), yes: t("Add"), maxLength: 320 });
    if (member === null) return;
    await attempt(t("The member could not be added."), () => call("group.join", { address: group.address, member }));
    await reload();
  };
  const leave = async (member: string): Promise<void> => {
    await attempt(t("The member could not be taken out."), () => call("group.leave", { address: group.address, member }));
    await reload();
  };
  return (
    <li class="list-group">
      <div class="list-line">
        <span class="list-words">
          <strong dir="ltr">{group.address}</strong> <span dir="auto">{group.name}</span>
        </span>
        <span class="list-count">{tn("1 member", "{n} members", group.members.length)}</span>
        <IconButton icon="plus" size={18} label={t("Add a member to {group}", { group: group.address })} onClick={() => void join()} />
        <IconButton icon="trash" size={18} label={t("Remove {address}", { address: group.address })} onClick={() => void drop(t("Remove this group?"), group.address, "group.delete", reload)} />
      </div>
      {group.members.length ? (
        <ul class="members">
          {group.members.map((member) => (
            <li key={member} class="chip">
              <span dir="ltr">{member}</span>
              <IconButton icon="close" size={14} label={t("Take {member} out", { member })} onClick={() => void leave(member)} />
            </li>
          ))}
        </ul>
      ) : null}
    </li>
  );
}

function Groups(): VNode {
  const loaded = useLoaded(() => call<Group[]>("group.list"));
  const all = loaded.data.value ?? [];
  const add = (): void => {
    const fields: Field[] = [
      { name: "address", label: t("Address"), kind: "address", required: true },
      { name: "name", label: t("Name (optional)"), kind: "text", required: false },
    ];
    openDialog((done) => <Form title={t("Add a group")} operation="group.add" fields={fields} done={done} saved={() => void loaded.reload()} />);
  };
  return (
    <section class="card list-card" aria-labelledby="groups">
      <header class="list-card-head">
        <h2 id="groups">{t("Groups")}</h2>
        <Button icon="plus" onClick={add}>
          {t("Add")}
        </Button>
      </header>
      <Failure loaded={loaded} />
      {loaded.data.value && !all.length ? <p class="list-none">{t("No groups yet: mail to a group goes to all its members.")}</p> : null}
      <ul>
        {all.map((group) => (
          <GroupLine key={group.address} group={group} reload={loaded.reload} />
        ))}
      </ul>
    </section>
  );
}

export function Addresses(): VNode {
  return (
    <>
      <Head title={t("Aliases and groups")} />
      <Aliases />
      <Groups />
    </>
  );
}
