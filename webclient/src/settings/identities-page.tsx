/** Identities and their signatures. */
import type { VNode } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { t } from "../core/i18n.js";
import type { JmapClient } from "../jmap/client.js";
import { Avatar } from "../ui/avatar.js";
import { Button, IconButton } from "../ui/button.js";
import { confirmDialog } from "../ui/dialog.js";
import { EmptyState } from "../ui/empty.js";
import { toastError } from "../ui/toast.js";
import { IdentitiesModel, type Identity } from "./identities-model.js";
import { openIdentityDialog } from "./identity-dialog.js";

async function remove(model: IdentitiesModel, identity: Identity): Promise<void> {
  const yes = await confirmDialog({
    title: t("Remove this identity?"),
    text: t("You no longer send as {address}. Mail to it arrives as before.", { address: identity.email }),
    yes: t("Remove"),
    danger: true,
  });
  const refusal = yes ? await model.remove(identity.id) : null;
  if (refusal) toastError(refusal.text);
}

function Item({ model, identity }: { model: IdentitiesModel; identity: Identity }): VNode {
  const { name, email, textSignature, replyTo } = identity;
  return (
    <li class="card box identity">
      <div class="identity-head">
        <Avatar name={name} address={email} size={40} dot={false} />
        <div class="box-name">
          <h2 dir="auto">{name || email}</h2>
          <p dir="ltr">{email}</p>
        </div>
        <Button icon="edit" label={t("Change the identity {address}", { address: email })} onClick={() => openIdentityDialog(model, identity)}>
          {t("Change")}
        </Button>
        {identity.mayDelete ? <IconButton icon="trash" label={t("Remove the identity {address}", { address: email })} onClick={() => void remove(model, identity)} /> : null}
      </div>
      <p class={textSignature ? "identity-signature" : "identity-signature box-note"} dir="auto">
        {textSignature || t("No signature yet")}
      </p>
      {replyTo?.length ? <p class="box-note">{t("Answers go to {people}.", { people: replyTo.map((one) => one.email).join(", ") })}</p> : null}
    </li>
  );
}

export function IdentitiesPage({ client }: { client: JmapClient }): VNode {
  const model = useMemo(() => new IdentitiesModel(client), [client]);
  useEffect(() => void model.load(), [model]);
  const list = model.list.value;
  if (list === null && model.failure.value !== null) {
    return (
      <EmptyState icon="warning" title={t("The identities could not be read")} text={model.failure.value}>
        <Button icon="refresh" onClick={() => void model.load()}>
          {t("Try again")}
        </Button>
      </EmptyState>
    );
  }
  return (
    <>
      <div class="page-bar">
        <p>{t("As whom you write, and what stands below it.")}</p>
        <Button icon="plus" onClick={() => openIdentityDialog(model, null)}>
          {t("Add an identity")}
        </Button>
      </div>
      {list === null ? (
        <div class="skeleton box-skeleton" aria-busy="true" />
      ) : (
        <ul class="boxes">
          {list.map((identity) => (
            <Item key={identity.id} model={model} identity={identity} />
          ))}
        </ul>
      )}
    </>
  );
}
