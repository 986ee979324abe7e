/** Who is connected now. */
import type { VNode } from "preact";
import { t, tn } from "../core/i18n.js";
import { showText } from "../ui/avatar.js";
import { Button } from "../ui/button.js";
import { confirmDialog, promptDialog } from "../ui/dialog.js";
import { EmptyState } from "../ui/empty.js";
import { Icon } from "../ui/icon.js";
import { MenuButton, type MenuEntry } from "../ui/menu.js";
import { toast } from "../ui/toast.js";
import type { Show } from "../chat/index.js";
import { attempt, call, useLoaded, type ConnectionRow } from "./api.js";
import { Cell, Failure, Head, Skeleton, TableCard, When } from "./parts.js";

const SECONDS = 5;

async function kick(jid: string, all: boolean, reload: () => Promise<void>): Promise<void> {
  const text = all ? t("All connections of {jid} are ended. The programs may come back.", { jid }) : t("{jid} is disconnected. The program may come back.", { jid });
  if (!(await confirmDialog({ title: t("End the connection?"), text, yes: t("End"), danger: true }))) return;
  await attempt(t("The connection could not be ended."), () => call("im.kick", { jid }));
  await reload();
}

async function announce(to: string): Promise<void> {
  const body = await promptDialog({ title: t("Announcement to {address}", { address: to }), label: t("Text"), yes: t("Send"), maxLength: 2000 });
  if (body !== null && (await attempt(t("The announcement could not be sent."), () => call("im.send", { to, body })))) toast({ text: t("Sent.") });
}

function protocolText(row: ConnectionRow): string {
  const words: Readonly<Record<string, string>> = { xmpp: t("XMPP (STARTTLS)"), xmpps: t("XMPP (TLS)"), websocket: t("WebSocket") };
  return words[row.protocol] ?? row.protocol;
}

/** What a presence means; "available" is the server's word for none. */
function showOf(row: ConnectionRow): Show {
  if (row.show === null) return "offline";
  return row.show === "chat" || row.show === "away" || row.show === "xa" || row.show === "dnd" ? row.show : "online";
}

/** Since when it is there, and since when its connection is lost. */
function Since({ row }: { row: ConnectionRow }): VNode {
  return (
    <span class="person-words">
      <When iso={row.since} />
      {row.waiting_since === null ? null : (
        <span>
          {t("Connection lost, may be resumed:")} <When iso={row.waiting_since} />
        </span>
      )}
    </span>
  );
}

function Row({ row, reload }: { row: ConnectionRow; reload: () => Promise<void> }): VNode {
  const slash = row.jid.indexOf("/");
  const bare = slash < 0 ? row.jid : row.jid.slice(0, slash);
  const show = showOf(row);
  const items = (): MenuEntry[] => [
    { label: t("Send an announcement"), icon: "send", run: () => void announce(bare) },
    "separator",
    { label: t("End this connection"), icon: "signout", danger: true, run: () => void kick(row.jid, false, reload) },
    { label: t("End all of {address}", { address: bare }), icon: "signout", danger: true, run: () => void kick(bare, true, reload) },
  ];
  return (
    <tr>
      <Cell label={t("Who")} class="cell-main">
        <span class="person-words" dir="ltr">
          <strong>{bare}</strong>
          <span>{slash < 0 ? "" : row.jid.slice(slash + 1)}</span>
        </span>
      </Cell>
      <Cell label={t("Presence")}>
        <span class="presence-words">
          <span class={`presence presence-${show}`} aria-hidden="true" />
          <span dir="auto">{row.status ? t("{show} · {status}", { show: showText(show), status: row.status }) : showText(show)}</span>
        </span>
      </Cell>
      <Cell label={t("From")}>
        <span dir="ltr">{row.address}</span>
      </Cell>
      <Cell label={t("By")}>
        <span class="person-words">
          {protocolText(row)}
          <span dir="ltr">{row.tls}</span>
        </span>
      </Cell>
      <Cell label={t("Since")}>
        <Since row={row} />
      </Cell>
      <td class="cell-menu">
        <MenuButton label={t("Menu of {name}", { name: row.jid })} items={items}>
          <Icon name="more" />
        </MenuButton>
      </td>
    </tr>
  );
}

function Table({ rows, reload }: { rows: readonly ConnectionRow[]; reload: () => Promise<void> }): VNode {
  const names = [t("Who"), t("Presence"), t("From"), t("By"), t("Since")];
  return (
    <TableCard names={names} acts={t("Menu")}>
      {rows.map((row) => (
        <Row key={row.jid} row={row} reload={reload} />
      ))}
    </TableCard>
  );
}

export function Connections(): VNode {
  const loaded = useLoaded(() => call<ConnectionRow[]>("im.connections"), SECONDS);
  const rows = loaded.data.value;
  const people = new Set((rows ?? []).map((row) => row.jid.split("/")[0])).size;
  const note = rows ? t("{connections} of {people}", { connections: tn("1 connection", "{n} connections", rows.length), people: tn("1 person", "{n} people", people) }) : undefined;
  return (
    <>
      <Head title={t("Connections")} note={note}>
        <span class="admin-live">{t("Refreshed every {n} seconds", { n: SECONDS })}</span>
        <Button icon="refresh" onClick={() => void loaded.reload()}>
          {t("Refresh")}
        </Button>
      </Head>
      <Failure loaded={loaded} />
      {rows ? rows.length ? <Table rows={rows} reload={loaded.reload} /> : <EmptyState icon="chat" title={t("Nobody is connected")} /> : <Skeleton />}
    </>
  );
}
