/** Searching the central record, and proving that it is whole. */
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { t } from "../core/i18n.js";
import { Button } from "../ui/button.js";
import { EmptyState } from "../ui/empty.js";
import { call } from "./api.js";
import { Head } from "./parts.js";
import { Proof } from "./record-proof.js";
import { argumentsOf, EMPTY, KINDS, pageOf, type Kind, type RecordForm, type RecordRow } from "./record-query.js";
import { kindText, Leaf } from "./record-row.js";
import { Found, MomentField, Search, TextField } from "./search.js";

type RecordSearch = Search<RecordForm, RecordRow>;

function newSearch(): RecordSearch {
  return new Search(EMPTY, async (form, behind) => pageOf(await call<RecordRow[]>("record.search", argumentsOf(form, behind?.id))));
}

function Fields({ search }: { search: RecordSearch }): VNode {
  const form = search.form.value;
  const submit = (event: Event): void => {
    event.preventDefault();
    void search.run();
  };
  return (
    <form class="card record-form" role="search" onSubmit={submit}>
      <TextField label={t("Text")} hint={t("Words of the message")} value={form.text} change={(text) => search.change({ text })} prose />
      <TextField label={t("From")} hint={t("Address or domain")} value={form.from} change={(from) => search.change({ from })} />
      <TextField label={t("To")} hint={t("Address or domain")} value={form.to} change={(to) => search.change({ to })} />
      <label class="field">
        <span>{t("Kind")}</span>
        <select value={form.kind} onChange={(event) => search.change({ kind: event.currentTarget.value as Kind | "" })}>
          <option value="">{t("Everything")}</option>
          {KINDS.map((kind) => (
            <option key={kind} value={kind}>
              {kindText(kind)}
            </option>
          ))}
        </select>
      </label>
      <MomentField label={t("Since")} value={form.since} change={(since) => search.change({ since })} />
      <MomentField label={t("Until")} value={form.until} change={(until) => search.change({ until })} />
      <div class="record-form-foot">
        <p>{t("Every search is recorded itself.")}</p>
        <Button onClick={() => search.clear()}>{t("Clear")}</Button>
        <Button kind="primary" type="submit" icon="search" busy={search.busy.value}>
          {t("Search")}
        </Button>
      </div>
    </form>
  );
}

export function RecordPage(): VNode {
  const search = useMemo(newSearch, []);
  return (
    <>
      <Head title={t("Record")} note={t("Every message is recorded before it is delivered.")} />
      <Proof />
      <Fields search={search} />
      <Found search={search} class="card leaves" nothing={<EmptyState icon="search" title={t("Nothing in the record fits")} />}>
        {(rows) => (
          <ol>
            {rows.map((row) => (
              <Leaf key={row.id} row={row} />
            ))}
          </ol>
        )}
      </Found>
    </>
  );
}
