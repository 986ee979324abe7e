/**
 * Modal dialogs on the browser's own <dialog>: focus stays inside, Escape
 * closes, the focus returns to where it was.
 *
 * `openDialog` shows a component; `confirmDialog` and `promptDialog` are the
 * two everyday ones and resolve with the answer (false or null when cancelled).
 */
import { signal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "../core/i18n.js";
import { Button, IconButton } from "./button.js";

interface Opened {
  readonly id: number;
  readonly render: (close: () => void) => VNode;
  readonly onClose: () => void;
}

const open = signal<readonly Opened[]>([]);
let next = 1;

/** Shows `render(close)` as a modal dialog; `onClose` runs once, however it was closed. */
export function openDialog(render: (close: () => void) => VNode, onClose: () => void = () => undefined): void {
  open.value = [...open.value, { id: next++, render, onClose }];
}

/** True while a dialog is shown: page-wide keys are off then. */
export function dialogIsOpen(): boolean {
  return open.value.length > 0;
}

/** Closes every dialog, as if cancelled: the page under them has changed. */
export function closeDialogs(): void {
  for (const item of open.peek()) close(item);
}

function close(item: Opened): void {
  if (!open.value.includes(item)) return;
  open.value = open.value.filter((other) => other !== item);
  item.onClose();
}

/** The place where dialogs appear; once in the shell. */
export function Dialogs(): VNode {
  return <>{open.value.map((item) => <Frame key={item.id} item={item} />)}</>;
}

function Frame({ item }: { item: Opened }): VNode {
  const ref = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    ref.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      class="dialog"
      onClose={() => close(item)}
      onPointerDown={(event) => {
        if (event.target === ref.current) close(item);
      }}
    >
      {item.render(() => close(item))}
    </dialog>
  );
}

interface BodyProps {
  readonly title: string;
  readonly children: ComponentChildren;
  readonly footer?: ComponentChildren;
  readonly onClose: () => void;
  readonly onSubmit?: () => void;
  readonly wide?: boolean;
}

/** The inside of a dialog: heading, body, buttons; a form, so Enter submits. */
export function DialogBody({ title, children, footer, onClose, onSubmit, wide }: BodyProps): VNode {
  const form = useRef<HTMLFormElement>(null);
  // The dialog around it is what is announced: it has the name.
  useLayoutEffect(() => form.current?.closest("dialog")?.setAttribute("aria-label", title), [title]);
  return (
    <form
      ref={form}
      class={wide ? "dialog-body dialog-wide" : "dialog-body"}
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit?.();
      }}
    >
      <div class="dialog-head">
        <h2>{title}</h2>
        <IconButton icon="close" label={t("Close")} onClick={onClose} />
      </div>
      <div class="dialog-content">{children}</div>
      {footer ? <div class="dialog-foot">{footer}</div> : null}
    </form>
  );
}

interface ConfirmSpec {
  readonly title: string;
  readonly text: string;
  readonly yes: string;
  readonly danger?: boolean;
}

/** Asks a yes/no question; the promise gives true only for yes. */
export function confirmDialog({ title, text, yes, danger }: ConfirmSpec): Promise<boolean> {
  return new Promise((resolve) => {
    let answer = false;
    openDialog(
      (done) => (
        <DialogBody
          title={title}
          onClose={done}
          onSubmit={() => {
            answer = true;
            done();
          }}
          footer={
            <>
              <Button onClick={done}>{t("Cancel")}</Button>
              <Button kind={danger ? "danger" : "primary"} type="submit">
                {yes}
              </Button>
            </>
          }
        >
          <p dir="auto">{text}</p>
        </DialogBody>
      ),
      () => resolve(answer),
    );
  });
}

interface PromptSpec {
  readonly title: string;
  readonly label: string;
  readonly value?: string;
  readonly yes: string;
  readonly maxLength?: number;
}

function Prompt({ spec, done, answer }: { spec: PromptSpec; done: () => void; answer: (text: string) => void }): VNode {
  const [text, setText] = useState(spec.value ?? "");
  const submit = (): void => {
    if (!text.trim()) return;
    answer(text.trim());
    done();
  };
  return (
    <DialogBody
      title={spec.title}
      onClose={done}
      onSubmit={submit}
      footer={
        <>
          <Button onClick={done}>{t("Cancel")}</Button>
          <Button kind="primary" type="submit" disabled={!text.trim()}>
            {spec.yes}
          </Button>
        </>
      }
    >
      <label class="field">
        <span>{spec.label}</span>
        <input
          dir="auto"
          value={text}
          maxLength={spec.maxLength ?? 200}
          autofocus
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
    </DialogBody>
  );
}

/** Asks for one line of text; null when cancelled. */
export function promptDialog(spec: PromptSpec): Promise<string | null> {
  return new Promise((resolve) => {
    let answer: string | null = null;
    openDialog(
      (done) => <Prompt spec={spec} done={done} answer={(text) => (answer = text)} />,
      () => resolve(answer),
    );
  });
}
