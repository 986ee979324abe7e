/** Finding mails by name, people or time, and showing the way of one. */
import { batch, signal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { explain } from "../core/http.js";
import { t, tn } from "../core/i18n.js";
import { Button } from "../ui/button.js";
import { EmptyState } from "../ui/empty.js";
import { Icon } from "../ui/icon.js";
import { call } from "./api.js";
import { Cell, Head, Tag, When } from "./parts.js";
import { recipientsText } from "./queue-model.js";
import { sectionHref, thing } from "./sections.js";
import { EMPTY, listArguments, moodOf, PAGE, type TraceForm, type TraceRow } from "./trace-model.js";
import { WayOf, whatText } from "./trace-way.js";

class Search {
  readonly form = signal<TraceForm>(EMPTY);
  readonly rows = signal<readonly TraceRow[] | null>(null);
  readonly more = signal(false);
  readonly busy = signal(false);
  readonly failure = signal<string | null>(null);
  /** What the rows shown were searched with: older ones are, too. */
  private asked: TraceForm = EMPTY;
  private latest = 0;

  change(change: Partial<TraceForm>): void {
    this.form.value = { ...this.form.value, ...change };
  }

  /** Goes to the mail that is named, or lists those that fit. */
  run(): void {
    const name = this.form.value.mail.trim();
    this.asked = this.form.value;
    location.assign(sectionHref("trace", name));
    if (!name) void this.fetch([]);
  }

  async older(): Promise<void> {
    await this.fetch(this.rows.value ?? []);
  }

  private async fetch(before: readonly TraceRow[]): Promise<void> {
    const mine = ++this.latest;
    this.busy.value = true;
    try {
      const { mails } = await call<{ mails: TraceRow[] }>("trace", listArguments(this.asked, before.at(-1)?.id));
      if (mine !== this.latest) return;
      batch(() => {
        this.rows.value = [...before, ...mails.slice(0, PAGE)];
        this.more.value = mails.length > PAGE;
        this.failure.value = null;
      });
    } catch (error) {
      if (mine === this.latest) this.failure.value = explain(error);
    } finally {
      if (mine === this.latest) this.busy.value = false;
    }
  }
}

/** The search stays while one looks at a mail and comes back. */
const search = new Search();

interface FieldProps {
  readonly name: keyof TraceForm;
  readonly label: string;
  readonly hint: string;
  readonly off?: boolean;
}

function MomentField({ name, label, off }: Omit<FieldProps, "hint">): VNode {
  return (
    <label class="field">
      <span>{label}</span>
      <input type="datetime-local" disabled={off} value={search.form.value[name]} onInput={(event) => search.change({ [name]: event.currentTarget.value })} />
    </label>
  );
}

function Field({ name, label, hint, off }: FieldProps): VNode {
  return (
    <label class="field">
      <span>{label}</span>
      <input
        type="text"
        dir="ltr"
        autocomplete="off"
        spellcheck={false}
        maxLength={1000}
        placeholder={hint}
        disabled={off}
        value={search.form.value[name]}
        onInput={(event) => search.change({ [name]: event.currentTarget.value })}
      />
    </label>
  );
}

/** The whole search, or, while one mail is shown, its name only. */
function Fields({ single }: { single: boolean }): VNode {
  const named = search.form.value.mail.trim() !== "";
  const submit = (event: Event): void => {
    event.preventDefault();
    search.run();
  };
  return (
    <form class={single ? "card record-form trace-single" : "card record-form"} role="search" onSubmit={submit}>
      <Field name="mail" label={t("Mail")} hint={t("Message-ID or number")} />
      {single ? null : <People named={named} />}
      <div class="record-form-foot">
        <p>{single ? <a href={sectionHref("trace")}>{t("Search by people and time")}</a> : t("The number of a mail stands in the queue and in the log.")}</p>
        {single ? null : <Button onClick={() => search.change(EMPTY)}>{t("Clear")}</Button>}
        <Button kind="primary" type="submit" icon="search" busy={search.busy.value}>
          {t("Search")}
        </Button>
      </div>
    </form>
  );
}

function People({ named }: { named: boolean }): VNode {
  return (
    <>
      <Field name="from" label={t("From")} hint={t("Address or domain")} off={named} />
      <Field name="to" label={t("To")} hint={t("Address or domain")} off={named} />
      <MomentField name="since" label={t("Since")} off={named} />
      <MomentField name="until" label={t("Until")} off={named} />
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

function Results(): VNode | null {
  const rows = search.rows.value;
  if (search.failure.value !== null) {
    return (
      <p class="notice notice-warn" role="alert">
        <Icon name="warning" size={18} />
        <span>{search.failure.value}</span>
      </p>
    );
  }
  if (!rows) return null;
  if (!rows.length) return <EmptyState icon="search" title={t("No mail fits")} text={t("What happened to mails is kept for some days only.")} />;
  const names = [t("Mail"), t("Last"), t("Place"), t("Accepted")];
  return (
    <section class="card table-card" aria-label={t("Results")}>
      <p class="leaves-count" role="status">
        {search.more.value ? t("The newest {n}; there are more", { n: rows.length }) : tn("1 result", "{n} results", rows.length)}
      </p>
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
      {search.more.value ? (
        <div class="leaves-more">
          <Button busy={search.busy.value} onClick={() => void search.older()}>
            {t("Older")}
          </Button>
        </div>
      ) : null}
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
      {name ? <WayOf key={name} name={name} /> : <Results />}
    </>
  );
}
