/** Pieces that the mail settings are made of. */
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { loadEditor, type Editor } from "../compose/editor/index.js";
import { t } from "../core/i18n.js";
import { toastError } from "../ui/toast.js";

interface FieldProps {
  readonly label: string;
  readonly note?: string | undefined;
  readonly error?: string | undefined;
  /** Draws the control with what connects it to note and error. */
  readonly children: (control: { readonly id: string; readonly "aria-invalid": boolean; readonly "aria-describedby": string | undefined }) => ComponentChildren;
}

export function Field({ label, note, error, children }: FieldProps): VNode {
  const id = useId();
  return (
    <div class="field">
      <label for={`${id}-control`}>{label}</label>
      {children({ id: `${id}-control`, "aria-invalid": error !== undefined, "aria-describedby": error || note ? id : undefined })}
      {error ? (
        <span id={id} class="field-error" role="alert">
          {error}
        </span>
      ) : note ? (
        <span id={id} class="field-note">
          {note}
        </span>
      ) : null}
    </div>
  );
}

/** What a text editor holds, in both forms. */
export interface Written {
  readonly html: string;
  readonly text: string;
}

interface RichFieldProps {
  readonly label: string;
  readonly placeholder: string;
  /** What it begins with; changes that come from outside later are not shown. */
  readonly html: string;
  readonly onChange: (written: Written) => void;
  readonly note?: string;
}

/** A field with the rich text editor. */
export function RichField({ label, placeholder, html, onChange, note }: RichFieldProps): VNode {
  const place = useRef<HTMLDivElement>(null);
  const changed = useRef(onChange);
  changed.current = onChange;
  const begin = useRef({ label, placeholder, html });
  useEffect(() => {
    let editor: Editor | null = null;
    let gone = false;
    loadEditor().then(
      ({ mount }) => {
        if (gone || !place.current) return;
        const made = mount(place.current, { ...begin.current, onChange: () => changed.current({ html: made.html(), text: made.text() }) });
        editor = made;
      },
      () => toastError(t("The editor could not be loaded.")),
    );
    return () => {
      gone = true;
      editor?.destroy();
    };
  }, []);
  return (
    <div class="field">
      <span aria-hidden="true">{label}</span>
      <div ref={place} class="rich-field" />
      {note ? <span class="field-note">{note}</span> : null}
    </div>
  );
}
