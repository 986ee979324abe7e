/**
 * New things in the corner of the page, in the style of a chat message: who, what, a line of text.
 *
 * A click opens what it is about; it leaves by itself, and waits while the pointer or the focus
 * is on it. The browser's own notification, for a page that nobody looks at, is `systemNotice`.
 */
import { signal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t } from "../core/i18n.js";
import { Avatar } from "./avatar.js";
import { IconButton } from "./button.js";
import { Icon } from "./icon.js";

export interface CardSpec {
  /** A later card of the same tag takes the place of the earlier. */
  readonly tag: string;
  readonly kind: "mail" | "chat" | "announcement";
  readonly name: string;
  readonly address: string;
  /** A subject. */
  readonly title?: string | undefined;
  readonly text: string;
  readonly seconds: number;
  readonly open?: (() => void) | undefined;
}
interface Card extends CardSpec {
  readonly id: number;
}

const LIMIT = 4;
/** Characters of a text that are shown. */
const SHOWN = 240;
const cards = signal<readonly Card[]>([]);
let next = 1;

function dismiss(id: number): void {
  cards.value = cards.value.filter((item) => item.id !== id);
}

/** Shows a card; returns the function that takes it away again. */
export function showCard(spec: CardSpec): () => void {
  const id = next++;
  const others = cards.value.filter((item) => item.tag !== spec.tag);
  cards.value = [{ ...spec, id }, ...others].slice(0, LIMIT);
  return () => dismiss(id);
}

/** A notice of the system, while nobody looks at the page and the browser allows it; later ones of the same `tag` replace it. */
export function systemNotice(tag: string, title: string, body: string, open: () => void): void {
  if (document.visibilityState === "visible" || !("Notification" in window) || Notification.permission !== "granted") return;
  try {
    const notice = new Notification(title, { body: body.slice(0, SHOWN), tag: `mailim-${tag}` });
    notice.onclick = () => {
      focus();
      open();
      notice.close();
    };
  } catch {
    // Android's Chrome has notifications for service workers only
  }
}

/** Asks the person for leave to show notices of the system; false if it is not given. Only at their own wish. */
export async function mayNotify(): Promise<boolean> {
  return "Notification" in window && (await Notification.requestPermission()) === "granted";
}

function kindText(kind: CardSpec["kind"]): string {
  return { mail: t("New mail"), chat: t("New message"), announcement: t("Announcement") }[kind];
}

function CardView({ item }: { item: Card }): VNode {
  const [held, hold] = useState(false);
  useEffect(() => {
    if (held) return undefined;
    const timer = setTimeout(() => dismiss(item.id), item.seconds * 1000);
    return () => clearTimeout(timer);
  }, [held, item]);
  const open = (): void => {
    dismiss(item.id);
    item.open?.();
  };
  const text = item.text.length > SHOWN ? `${item.text.slice(0, SHOWN)}…` : item.text;
  return (
    <div
      class={`notice-card notice-card-${item.kind}`}
      onPointerEnter={() => hold(true)}
      onPointerLeave={() => hold(false)}
      onFocusIn={() => hold(true)}
      onFocusOut={() => hold(false)}
      onKeyDown={(event) => {
        if (event.key === "Escape") dismiss(item.id);
      }}
    >
      <button type="button" class="notice-card-main" onClick={open}>
        {item.kind === "announcement" || !item.address ? (
          <span class="notice-card-bell">
            <Icon name={item.kind === "announcement" ? "bell" : "mail"} size={20} />
          </span>
        ) : (
          <Avatar name={item.name} address={item.address} size={40} />
        )}
        <span class="notice-card-words">
          <span class="notice-card-kind">{kindText(item.kind)}</span>
          <strong dir="auto">{item.name}</strong>
          {item.title ? (
            <span class="notice-card-title" dir="auto">
              {item.title}
            </span>
          ) : null}
          <span class="notice-card-text" dir="auto">
            {text}
          </span>
        </span>
      </button>
      <IconButton icon="close" size={16} label={t("Dismiss")} onClick={() => dismiss(item.id)} />
    </div>
  );
}

/** The place where cards appear; once in the shell. */
export function Cards(): VNode {
  return (
    <div class="notice-cards" role="status" aria-live="polite" data-keys="off">
      {cards.value.map((item) => (
        <CardView key={item.id} item={item} />
      ))}
    </div>
  );
}
