/** Searching page by page, as the record and the way of mails are searched: state, form fields, outcome. */
import { batch, signal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { explain } from "../core/http.js";
import { t, tn } from "../core/i18n.js";
import { Button } from "../ui/button.js";
import { Icon } from "../ui/icon.js";

export interface Page<Row> {
  readonly rows: readonly Row[];
  readonly more: boolean;
}

/** A form of texts, and what was found with it, the newest first. */
export class Search<Form extends object, Row> {
  readonly form;
  readonly rows = signal<readonly Row[] | null>(null);
  readonly more = signal(false);
  readonly busy = signal(false);
  readonly failure = signal<string | null>(null);
  /** What the rows shown were searched with: older ones are, too. */
  private asked: Form;
  private latest = 0;

  /** `fetch` gives the page behind a row, or the first one. */
  constructor(
    private readonly empty: Form,
    private readonly fetch: (form: Form, behind: Row | undefined) => Promise<Page<Row>>,
  ) {
    this.form = signal(empty);
    this.asked = empty;
  }

  change(change: Partial<Form>): void {
    this.form.value = { ...this.form.value, ...change };
  }

  clear(): void {
    this.form.value = this.empty;
  }

  async run(): Promise<void> {
    this.asked = this.form.value;
    await this.next([]);
  }

  async older(): Promise<void> {
    await this.next(this.rows.value ?? []);
  }

  private async next(before: readonly Row[]): Promise<void> {
    const mine = ++this.latest;
    this.busy.value = true;
    try {
      const { rows, more } = await this.fetch(this.asked, before.at(-1));
      if (mine !== this.latest) return;
      batch(() => {
        this.rows.value = [...before, ...rows];
        this.more.value = more;
        this.failure.value = null;
      });
    } catch (error) {
      if (mine === this.latest) this.failure.value = explain(error);
    } finally {
      if (mine === this.latest) this.busy.value = false;
    }
  }
}

interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly change: (value: string) => void;
  readonly off?: boolean;
}

/** A day and time; `value` is local, without a zone. */
export function MomentField({ label, value, change, off }: FieldProps): VNode {
  return (
    <label class="field">
      <span>{label}</span>
      <input type="datetime-local" disabled={off} value={value} onInput={(event) => change(event.currentTarget.value)} />
    </label>
  );
}

export function TextField({ label, value, change, off, hint, prose }: FieldProps & { hint: string; prose?: boolean }): VNode {
  return (
    <label class="field">
      <span>{label}</span>
      <input
        type="text"
        dir={prose ? "auto" : "ltr"}
        autocomplete="off"
        spellcheck={false}
        maxLength={1000}
        placeholder={hint}
        disabled={off}
        value={value}
        onInput={(event) => change(event.currentTarget.value)}
      />
    </label>
  );
}

interface FoundProps<Form extends object, Row> {
  readonly search: Search<Form, Row>;
  readonly class: string;
  /** What is shown if nothing was found. */
  readonly nothing: ComponentChildren;
  readonly children: (rows: readonly Row[]) => ComponentChildren;
}

/** What was found: why nothing could be, that nothing was, or the rows, with a way to older ones. */
export function Found<Form extends object, Row>({ search, nothing, children, ...look }: FoundProps<Form, Row>): VNode | null {
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
  if (!rows.length) return <>{nothing}</>;
  return (
    <section class={look.class} aria-label={t("Results")}>
      <p class="leaves-count" role="status">
        {search.more.value ? t("The newest {n}; there are more", { n: rows.length }) : tn("1 result", "{n} results", rows.length)}
      </p>
      {children(rows)}
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
