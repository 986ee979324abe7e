/** What the sections of the page have in common: head, failure, times. */
import type { ComponentChildren, VNode } from "preact";
import { longDate, relativeTime } from "../core/format.js";
import { t } from "../core/i18n.js";
import { Button } from "../ui/button.js";
import { Icon } from "../ui/icon.js";
import type { Loaded } from "./api.js";

export function Head({ title, note, children }: { title: string; note?: string | undefined; children?: ComponentChildren }): VNode {
  return (
    <header class="admin-head">
      <div class="admin-title">
        <h1>{title}</h1>
        {note ? <p>{note}</p> : null}
      </div>
      {children ? <div class="admin-acts">{children}</div> : null}
    </header>
  );
}

/** Says why something could not be loaded, and offers to try again. */
export function Failure({ loaded }: { loaded: Pick<Loaded<unknown>, "failure" | "reload" | "busy"> }): VNode | null {
  const text = loaded.failure.value;
  if (text === null) return null;
  return (
    <div class="notice notice-warn admin-failure" role="alert">
      <Icon name="warning" size={18} />
      <span>{text}</span>
      <Button busy={loaded.busy.value} onClick={() => void loaded.reload()}>
        {t("Try again")}
      </Button>
    </div>
  );
}

export function Skeleton(): VNode {
  return (
    <div class="card admin-skeleton" aria-hidden="true">
      {[60, 80, 45, 70].map((width) => (
        <span key={width} class="skeleton" style={{ width: `${width}%` }} />
      ))}
    </div>
  );
}

export function When({ iso, never }: { iso: string | null; never?: string }): VNode {
  return iso ? (
    <time dateTime={iso} title={longDate(iso)}>
      {relativeTime(iso)}
    </time>
  ) : (
    <>{never ?? t("never")}</>
  );
}

/** A table with a last column for what can be done; its rows are the children. */
export function TableCard({ names, acts, children }: { names: readonly string[]; acts: string; children: ComponentChildren }): VNode {
  return (
    <div class="card table-card">
      <table>
        <thead>
          <tr>
            {names.map((name) => (
              <th key={name}>{name}</th>
            ))}
            <th>
              <span class="visually-hidden">{acts}</span>
            </th>
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

/** A cell of a table, with the name of its column for screens without room for a head. */
export function Cell({ label, class: name, children }: { label: string; class?: string; children?: ComponentChildren }): VNode {
  return (
    <td class={name} data-label={label}>
      {children}
    </td>
  );
}

export function Tag({ kind, children }: { kind: "plain" | "good" | "warn" | "bad"; children: ComponentChildren }): VNode {
  return <span class={`tag tag-${kind}`}>{children}</span>;
}
