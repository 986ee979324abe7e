/** The accounts. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { t, tn } from "../core/i18n.js";
import { session } from "../core/session.js";
import { Avatar } from "../ui/avatar.js";
import { Button } from "../ui/button.js";
import { confirmDialog, promptDialog } from "../ui/dialog.js";
import { EmptyState } from "../ui/empty.js";
import { Icon } from "../ui/icon.js";
import { MenuButton, type MenuEntry } from "../ui/menu.js";
import { toast } from "../ui/toast.js";
import { attempt, call, useLoaded, type User } from "./api.js";
import { Cell, Failure, Head, Skeleton, TableCard, Tag, When } from "./parts.js";
import { openAddUser, openDeleteUser, openSetPassword } from "./user-dialogs.js";

type Reload = () => Promise<void>;

async function change(reload: Reload, operation: string, given: Parameters<typeof call>[1]): Promise<void> {
  await attempt(t("The account could not be changed."), () => call(operation, given));
  await reload();
}

async function rename(user: User, reload: Reload): Promise<void> {
  const name = await promptDialog({ title: t("Rename account"), label: t("Name"), value: user.name, yes: t("Rename") });
  if (name !== null) await change(reload, "user.set", { address: user.address, name });
}

async function disable(user: User, reload: Reload): Promise<void> {
  const yes = await confirmDialog({ title: t("Shut this account out?"), text: t("{address} can no longer sign in, and is disconnected now. Mail still arrives.", { address: user.address }), yes: t("Shut out"), danger: true });
  if (yes) await change(reload, "user.disable", { address: user.address });
}

async function restoreContacts(user: User): Promise<void> {
  const yes = await confirmDialog({ title: t("Restore the contact list?"), text: t("{address} sees all colleagues again, with the names and the group the server gives. Own contacts stay.", { address: user.address }), yes: t("Restore") });
  if (yes && (await attempt(t("The contact list could not be restored."), () => call("im.restore", { address: user.address })))) toast({ text: t("The contact list is restored.") });
}

function entries(user: User, reload: Reload): MenuEntry[] {
  const { address } = user;
  const self = session.value?.address === address;
  const setAdmin = (admin: boolean): MenuEntry => ({
    label: admin ? t("Make administrator") : t("No longer administrator"),
    icon: "shield",
    disabled: self,
    run: () => void change(reload, "user.set", { address, admin }),
  });
  return [
    { label: t("New password"), icon: "key", run: () => openSetPassword(user) },
    { label: t("Rename"), icon: "edit", run: () => void rename(user, reload) },
    setAdmin(!user.admin),
    { label: user.published ? t("Hide from the colleagues") : t("Show among the colleagues"), icon: "contacts", run: () => void change(reload, "user.set", { address, published: !user.published }) },
    { label: t("Restore contact list"), icon: "refresh", run: () => void restoreContacts(user) },
    "separator",
    user.enabled
      ? { label: t("Shut out"), icon: "lock", disabled: self, run: () => void disable(user, reload) }
      : { label: t("Let in again"), icon: "check", run: () => void change(reload, "user.enable", { address }) },
    { label: t("Delete"), icon: "trash", danger: true, disabled: self, run: () => openDeleteUser(user, () => void reload()) },
  ];
}

function UserRow({ user, reload }: { user: User; reload: Reload }): VNode {
  return (
    <tr class={user.enabled ? "" : "row-off"}>
      <Cell label={t("Account")} class="cell-main">
        <span class="person">
          <Avatar name={user.name} address={user.address} size={36} dot={false} />
          <span class="person-words">
            <strong dir="auto">{user.name || user.address.split("@")[0]}</strong>
            <span dir="ltr">{user.address}</span>
          </span>
        </span>
      </Cell>
      <Cell label={t("State")}>
        <span class="tags">
          {user.enabled ? <Tag kind="good">{t("Active")}</Tag> : <Tag kind="bad">{t("Shut out")}</Tag>}
          {user.admin ? <Tag kind="plain">{t("Administrator")}</Tag> : null}
          {user.published ? null : <Tag kind="plain">{t("Hidden")}</Tag>}
        </span>
      </Cell>
      <Cell label={t("Last sign-in")}>
        <When iso={user.last_login} />
      </Cell>
      <Cell label={t("Aliases")}>{user.aliases.length ? <span dir="ltr">{user.aliases.join(", ")}</span> : "–"}</Cell>
      <Cell label={t("Boxes")}>{user.multipop || "–"}</Cell>
      <td class="cell-menu">
        <MenuButton label={t("Menu of {name}", { name: user.address })} items={() => entries(user, reload)}>
          <Icon name="more" />
        </MenuButton>
      </td>
    </tr>
  );
}

function Table({ users, reload }: { users: readonly User[]; reload: Reload }): VNode {
  return (
    <TableCard names={[t("Account"), t("State"), t("Last sign-in"), t("Aliases"), t("Boxes")]} acts={t("Menu")}>
      {users.map((user) => (
        <UserRow key={user.address} user={user} reload={reload} />
      ))}
    </TableCard>
  );
}

export function Users(): VNode {
  const loaded = useLoaded(() => call<User[]>("user.list"));
  const domains = useLoaded(() => call<{ domain: string }[]>("domain.list"));
  const words = useSignal("");
  const all = loaded.data.value;
  const shown = (all ?? []).filter((user) => `${user.address} ${user.name}`.toLowerCase().includes(words.value));
  return (
    <>
      <Head title={t("Accounts")} note={all ? tn("1 account", "{n} accounts", all.length) : undefined}>
        <input class="admin-filter" type="search" dir="auto" aria-label={t("Filter accounts")} placeholder={t("Filter accounts")} onInput={(event) => (words.value = event.currentTarget.value.trim().toLowerCase())} />
        <Button kind="primary" icon="plus" onClick={() => openAddUser((domains.data.value ?? []).map((item) => item.domain), () => void loaded.reload())}>
          {t("Add")}
        </Button>
      </Head>
      <Failure loaded={loaded} />
      {all ? shown.length ? <Table users={shown} reload={loaded.reload} /> : <EmptyState icon="user" title={t("No account of this name")} /> : <Skeleton />}
    </>
  );
}
