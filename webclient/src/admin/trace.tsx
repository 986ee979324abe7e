/** Finding mails by name, people or time, and showing the way of one. */
import { signal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { t, tn } from "../core/i18n.js";
import { Button } from "../ui/button.js";
import { EmptyState } from "../ui/empty.js";
import { call } from "./api.js";
import { Cell, Head, Tag, When } from "./parts.js";
import { recipientsText } from "./queue-model.js";
import { Found, MomentField, Search, TextField } from "./search.js";
import { sectionHref, thing } from "./sections.js";
import { EMPTY, listArguments, moodOf, pageOf, type Refusal, type TraceForm, type TraceRow } from "./trace-model.js";
import { WayOf, whatText } from "./trace-way.js";

/** The search stays while one looks at a mail and comes back. */
const search = new Search<TraceForm, TraceRow>(EMPTY, async (form, behind) => {
  const found = await call<{ mails: TraceRow[]; refused: Refusal[] }>("trace", listArguments(form, behind?.id));
  if (!behind) refusals.value = found.refused;
  return pageOf(found.mails);
});

/** What was refused and fits the search, too. */
const refusals = signal<readonly Refusal[]>([]);

/** Goes to the mail that is named, or lists those that fit. */
function run(): void {
  const name = search.form.value.mail.trim();
  location.assign(sectionHref("trace", name));
  if (!name) void search.run();
}

/** The whole search, or, while one mail is shown, its name only. */
function Fields({ single }: { single: boolean }): VNode {
  const named = search.form.value.mail.trim() !== "";
  const submit = (event: Event): void => {
    event.preventDefault();
    run();
  };
  return (
    <form class={single ? "card record-form trace-single" : "card record-form"} role="search" onSubmit={submit}>
      <TextField label={t("Mail")} hint={t("Message-ID or number")} value={search.form.value.mail} change={(mail) => search.change({ mail })} />
      {single ? null : <People named={named} />}
      <div class="record-form-foot">
        <p>{single ? <a href={sectionHref("trace")}>{t("Search by people and time")}</a> : t("The number of a mail stands in the queue and in the log.")}</p>
        {single ? null : <Button onClick={() => search.clear()}>{t("Clear")}</Button>}
        <Button kind="primary" type="submit" icon="search" busy={search.busy.value}>
          {t("Search")}
        </Button>
      </div>
    </form>
  );
}

function People({ named }: { named: boolean }): VNode {
  const form = search.form.value;
  return (
    <>
      <TextField label={t("From")} hint={t("Address or domain")} off={named} value={form.from} change={(from) => search.change({ from })} />
      <TextField label={t("To")} hint={t("Address or domain")} off={named} value={form.to} change={(to) => search.change({ to })} />
      <MomentField label={t("Since")} off={named} value={form.since} change={(since) => search.change({ since })} />
      <MomentField label={t("Until")} off={named} value={form.until} change={(until) => search.change({ until })} />
    </>
  );
}

function Row({ row }: { row: TraceRow }): VNode {
  const to = recipientsText(row, (names, n) => tn("{names} and 1 more", "{names} and {n} more", n, { names }));
  const last = row.last?.what ?? "accepted";
  return (
    <tr>
      <Cell label={t("Mail")} class="cell-main">
        <a class="queue-mail" href={sectionHref("trace", String(row.id))}>
          <span class="queue-id">{t("Mail {id}", { id: String(row.id) })}</span>
          <strong dir="ltr">{to || "–"}</strong>
          <span dir="ltr">{t("from {sender}", { sender: row.from })}</span>
        </a>
      </Cell>
      <Cell label={t("Last")}>
        <Tag kind={moodOf(last)}>{whatText(last)}</Tag>
      </Cell>
      <Cell label={t("Place")}>{row.under_way ? t("in the queue") : t("gone")}</Cell>
      <Cell label={t("Accepted")}>
        <When iso={row.time} />
      </Cell>
    </tr>
  );
}

function Results(): VNode {
  const names = [t("Mail"), t("Last"), t("Place"), t("Accepted")];
  const nothing = <EmptyState icon="search" title={t("No mail fits")} text={t("What happened to mails is kept for some days only.")} />;
  return (
    <Found search={search} class="card table-card" nothing={nothing}>
      {(rows) => (
        <table>
          <thead>
            <tr>
              {names.map((name) => (
                <th key={name}>{name}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <Row key={row.id} row={row} />
            ))}
          </tbody>
        </table>
      )}
    </Found>
  );
}

function RefusalRow({ row }: { row: Refusal }): VNode {
  const together = row.code === 0;
  return (
    <tr>
      <Cell label={t("Mail")} class="cell-main">
        <span class="queue-mail">
          <strong dir="ltr">{together ? t("different recipients") : row.to || "–"}</strong>
          <span dir="ltr">{together ? t("from different senders") : t("from {sender}", { sender: row.from })}</span>
        </span>
      </Cell>
      <Cell label={t("Other server")}>
        <span dir="ltr">{row.peer === "*" ? t("different ones") : row.peer}</span>
      </Cell>
      <Cell label={t("Reply")}>
        <span dir="auto">{together ? t("different refusals, counted together") : `${String(row.code)} ${row.reply}`}</span>
      </Cell>
      <Cell label={t("Times")}>{row.count}</Cell>
      <Cell label={t("Last time")}>
        <When iso={row.last} />
      </Cell>
    </tr>
  );
}

/** Mail that never became ours: who misses one finds out why. */
function Refused(): VNode | null {
  const rows = refusals.value;
  if (!rows.length || search.failure.value !== null) return null;
  const names = [t("Mail"), t("Other server"), t("Reply"), t("Times"), t("Last time")];
  return (
    <section class="card table-card" aria-label={t("Refused at the door")}>
      <p class="leaves-count">{t("Refused at the door: the other server has these mails, and tells their senders.")}</p>
      <table>
        <thead>
          <tr>
            {names.map((name) => (
              <th key={name}>{name}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <RefusalRow key={`${row.minute} ${row.peer} ${row.from} ${row.to} ${String(row.code)} ${row.reply}`} row={row} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

export function TracePage(): VNode {
  const name = thing.value;
  useEffect(() => search.change({ mail: name }), [name]);
  return (
    <>
      <Head title={t("Way of a mail")} note={t("What happened to each mail, and where it is now.")} />
      <Fields single={name !== ""} />
      {name ? (
        <WayOf key={name} name={name} />
      ) : (
        <>
          <Results />
          <Refused />
        </>
      )}
    </>
  );
}
