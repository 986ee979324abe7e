/**
 * Short notices at the lower edge, announced to screen readers.
 *
 * A toast may carry one action (Undo). It leaves by itself after `seconds`
 * (errors stay longer) and waits while the pointer or the focus is on it.
 */
import { signal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t } from "../core/i18n.js";
import { IconButton } from "./button.js";
import { Icon } from "./icon.js";

export interface ToastSpec {
  readonly text: string;
  readonly kind?: "info" | "error" | "mail";
  readonly action?: { readonly label: string; readonly run: () => void };
  readonly seconds?: number;
}
interface Toast extends ToastSpec {
  readonly id: number;
}

const LIMIT = 4;
const toasts = signal<readonly Toast[]>([]);
let next = 1;

/** Shows a toast; returns the function that takes it away again. */
export function toast(spec: ToastSpec): () => void {
  const id = next++;
  toasts.value = [...toasts.value, { ...spec, id }].slice(-LIMIT);
  return () => dismiss(id);
}

/** Shows an error; `text` must already be words for people. */
export function toastError(text: string): void {
  toast({ text, kind: "error", seconds: 12 });
}

function dismiss(id: number): void {
  toasts.value = toasts.value.filter((item) => item.id !== id);
}

function ToastView({ item }: { item: Toast }): VNode {
  const [held, hold] = useState(false);
  useEffect(() => {
    if (held) return undefined;
    const timer = setTimeout(() => dismiss(item.id), (item.seconds ?? 6) * 1000);
    return () => clearTimeout(timer);
  }, [held, item]);
  const { action } = item;
  return (
    <div
      class={`toast toast-${item.kind ?? "info"}`}
      onPointerEnter={() => hold(true)}
      onPointerLeave={() => hold(false)}
      onFocusIn={() => hold(true)}
      onFocusOut={() => hold(false)}
    >
      {item.kind === "error" ? <Icon name="warning" size={18} /> : null}
      {item.kind === "mail" ? <Icon name="mail" size={18} /> : null}
      <span class="toast-text" dir="auto">
        {item.text}
      </span>
      {action ? (
        <button
          type="button"
          class="toast-action"
          onClick={() => {
            dismiss(item.id);
            action.run();
          }}
        >
          {action.label}
        </button>
      ) : null}
      <IconButton icon="close" size={16} label={t("Dismiss")} onClick={() => dismiss(item.id)} />
    </div>
  );
}

export function Toasts(): VNode {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((item) => (
        <ToastView key={item.id} item={item} />
      ))}
    </div>
  );
}
