/** Changes to whole folders, portion by portion, however many messages there are. */
import { explain } from "../core/http.js";
import { t, tn } from "../core/i18n.js";
import type { JmapClient } from "../jmap/client.js";
import type { Filter, Id, QueryResponse, SetResponse } from "../jmap/types.js";
import { toast, toastError } from "../ui/toast.js";

const PORTION = 500;

async function eachPortion(client: JmapClient, filter: Filter, change: (ids: readonly Id[]) => Record<string, unknown>): Promise<number> {
  const limit = Math.min(PORTION, client.limits.maxObjectsInSet);
  let done = 0;
  for (;;) {
    const query = await client.call<QueryResponse>("Email/query", { filter, limit });
    if (!query.ids.length) return done;
    const answer = await client.call<SetResponse>("Email/set", change(query.ids));
    const count = Object.keys(answer.updated ?? {}).length + (answer.destroyed?.length ?? 0);
    // Refusals would be asked for again for ever: stop at the first portion that does nothing.
    if (count === 0) throw new Error(t("The server refused the remaining messages."));
    done += count;
  }
}

/** Marks everything in a folder as read. */
export async function markFolderRead(client: JmapClient, mailbox: Id): Promise<void> {
  const seen = (ids: readonly Id[]): Record<string, unknown> => ({
    update: Object.fromEntries(ids.map((id) => [id, { "keywords/$seen": true }])),
  });
  try {
    const count = await eachPortion(client, { inMailbox: mailbox, notKeyword: "$seen" }, seen);
    toast({ text: tn("1 message marked as read", "{n} messages marked as read", count) });
  } catch (error) {
    toastError(`${t("Not everything could be marked as read.")} ${explain(error)}`);
  }
}

/** Removes everything in a folder for good. */
export async function emptyFolder(client: JmapClient, mailbox: Id): Promise<void> {
  try {
    const count = await eachPortion(client, { inMailbox: mailbox }, (ids) => ({ destroy: ids }));
    toast({ text: tn("1 message deleted for good", "{n} messages deleted for good", count) });
  } catch (error) {
    toastError(`${t("The folder could not be emptied.")} ${explain(error)}`);
  }
}
