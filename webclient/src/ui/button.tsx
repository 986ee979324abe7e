/** Buttons: an icon alone (with its name as tooltip and label) or text. */
import type { ComponentChildren, VNode } from "preact";
import { Icon, type IconName } from "./icon.js";

interface IconButtonProps {
  readonly icon: IconName;
  /** What it does; tooltip and accessible name. */
  readonly label: string;
  /** Key that does the same, shown in the tooltip. */
  readonly shortcut?: string | undefined;
  readonly onClick?: ((event: MouseEvent) => void) | undefined;
  readonly pressed?: boolean | undefined;
  readonly filled?: boolean | undefined;
  readonly disabled?: boolean | undefined;
  readonly size?: number | undefined;
  readonly class?: string | undefined;
  readonly tabIndex?: number | undefined;
}

export function IconButton(props: IconButtonProps): VNode {
  const title = props.shortcut ? `${props.label} (${props.shortcut})` : props.label;
  return (
    <button
      type="button"
      class={`icon-button ${props.class ?? ""}`}
      title={title}
      aria-label={props.label}
      aria-pressed={props.pressed}
      disabled={props.disabled}
      tabIndex={props.tabIndex}
      onClick={props.onClick}
    >
      <Icon name={props.icon} filled={props.filled ?? false} size={props.size ?? 20} />
    </button>
  );
}

interface ButtonProps {
  readonly children: ComponentChildren;
  readonly kind?: "plain" | "primary" | "danger" | "quiet";
  readonly icon?: IconName;
  readonly type?: "button" | "submit";
  readonly disabled?: boolean | undefined;
  readonly busy?: boolean | undefined;
  /** Accessible name, where the text alone does not say what it is about; begins with the text. */
  readonly label?: string;
  readonly title?: string;
  readonly onClick?: ((event: MouseEvent) => void) | undefined;
}

export function Button({ children, label, title, kind = "plain", icon, type = "button", disabled, busy, onClick }: ButtonProps): VNode {
  return (
    <button type={type} class={`button button-${kind}`} disabled={Boolean(disabled) || Boolean(busy)} aria-busy={busy} aria-label={label} title={title} onClick={onClick}>
      {busy ? <span class="spinner" aria-hidden="true" /> : icon ? <Icon name={icon} size={18} /> : null}
      <span>{children}</span>
    </button>
  );
}
