/** What a pane shows when it has nothing to show. */
import type { ComponentChildren, VNode } from "preact";
import { Icon, type IconName } from "./icon.js";

interface Props {
  readonly icon: IconName;
  readonly title: string;
  readonly text?: string | undefined;
  readonly children?: ComponentChildren;
}

export function EmptyState({ icon, title, text, children }: Props): VNode {
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon name={icon} size={32} />
      </span>
      <p class="empty-title">{title}</p>
      {text ? <p class="empty-text">{text}</p> : null}
      {children}
    </div>
  );
}
