/** Searching the central record, and proving that it is whole. */
import { batch, signal } from "@preact/signals";
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { explain } from "../core/http.js";
import { t, tn } from "../core/i18n.js";
import { Button } from "../ui/button.js";
import { EmptyState } from "../ui/empty.js";
import { Icon } from "../ui/icon.js";
import { call } from "./api.js";
import { Head } from "./parts.js";
import { Proof } from "./record-proof.js";
import { argumentsOf, EMPTY, KINDS, pageOf, type Kind, type RecordForm, type RecordRow } from "./record-query.js";
import { kindText, Leaf } from "./record-row.js";

class Search {
  readonly form = signal<RecordForm>(EMPTY);
  readonly rows = signal<readonly RecordRow[] | null>(null);
  readonly more = signal(false);
  readonly busy = signal(false);
  readonly failure = signal<string | null>(null);
  /** What the rows shown were searched with: older ones are, too. */
  private asked: RecordForm = EMPTY;
  private latest = 0;

  change(change: Partial<RecordForm>): void {
    this.form.value = { ...this.form.value, ...change };
  }

  async run(): Promise<void> {
    this.asked = this.form.value;
    await this.fetch([]);
  }

  async older(): Promise<void> {
    await this.fetch(this.rows.value ?? []);
  }

  private async fetch(before: readonly RecordRow[]): Promise<void> {
    const mine = ++this.latest;
    this.busy.value = true;
    try {
      const found = pageOf(await call<RecordRow[]>("record.search", argumentsOf(this.asked, before.at(-1)?.id)));
      if (mine !== this.latest) return;
      batch(() => {
        this.rows.value = [...before, ...found.rows];
        this.more.value = found.more;
        this.failure.value = null;
      });
    } catch (error) {
      if (mine === this.latest) this.failure.value = explain(error);
    } finally {
      if (mine === this.latest) this.busy.value = false;
    }
  }
}

interface TextFieldProps {
  readonly search: Search;
  readonly name: "from" | "to" | "text";
  readonly label: string;
  readonly hint: string;
}

function TextField({ search, name, label, hint }: TextFieldProps): VNode {
  return (
    <label class="field">
      <span>{label}</span>
      <input
        type="text"
        dir={name === "text" ? "auto" : "ltr"}
        autocomplete="off"
        spellcheck={false}
        placeholder={hint}
        value={search.form.value[name]}
        onInput={(event) => search.change({ [name]: event.currentTarget.value })}
      />
    </label>
  );
}

function MomentField({ search, name, label }: { search: Search; name: "since" | "until"; label: string }): VNode {
  return (
    <label class="field">
      <span>{label}</span>
      <input type="datetime-local" value={search.form.value[name]} onInput={(event) => search.change({ [name]: event.currentTarget.value })} />
    </label>
  );
}

function Fields({ search }: { search: Search }): VNode {
  const submit = (event: Event): void => {
    event.preventDefault();
    void search.run();
  };
  return (
    <form class="card record-form" role="search" onSubmit={submit}>
      <TextField search={search} name="text" label={t("Text")} hint={t("Words of the message")} />
      <TextField search={search} name="from" label={t("From")} hint={t("Address or domain")} />
      <TextField search={search} name="to" label={t("To")} hint={t("Address or domain")} />
      <label class="field">
        <span>{t("Kind")}</span>
        <select value={search.form.value.kind} onChange={(event) => search.change({ kind: event.currentTarget.value as Kind | "" })}>
          <option value="">{t("Everything")}</option>
          {KINDS.map((kind) => (
            <option key={kind} value={kind}>
              {kindText(kind)}
            </option>
          ))}
        </select>
      </label>
      <MomentField search={search} name="since" label={t("Since")} />
      <MomentField search={search} name="until" label={t("Until")} />
      <div class="record-form-foot">
        <p>{t("Every search is recorded itself.")}</p>
        <Button onClick={() => search.change(EMPTY)}>{t("Clear")}</Button>
        <Button kind="primary" type="submit" icon="search" busy={search.busy.value}>
          {t("Search")}
        </Button>
      </div>
    </form>
  );
}

function Results({ search }: { search: Search }): VNode | null {
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
  if (!rows.length) return <EmptyState icon="search" title={t("Nothing in the record fits")} />;
  return (
    <section class="card leaves" aria-label={t("Results")}>
      <p class="leaves-count" role="status">
        {search.more.value ? t("The newest {n}; there are more", { n: rows.length }) : tn("1 result", "{n} results", rows.length)}
      </p>
      <ol>
        {rows.map((row) => (
          <Leaf key={row.id} row={row} />
        ))}
      </ol>
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

export function RecordPage(): VNode {
  const search = useMemo(() => new Search(), []);
  return (
    <>
      <Head title={t("Record")} note={t("Every message is recorded before it is delivered.")} />
      <Proof />
      <Fields search={search} />
      <Results search={search} />
    </>
  );
}
