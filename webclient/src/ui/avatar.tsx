/** A round picture of a person: initials on a colour that follows the address, with the presence dot where it is known. */
import type { VNode } from "preact";
import { t } from "../core/i18n.js";
import { presenceOf, type Show } from "../chat/index.js";

function letter(word: string): string {
  return String.fromCodePoint(word.codePointAt(0) ?? 63);
}

/** Up to two letters that stand for a name. */
export function initials(name: string): string {
  const words = name.replace(/["'<>()[\]]/g, " ").replace(/@.*/, "").split(/[\s._-]+/).filter(Boolean);
  const first = letter(words[0] ?? "?");
  const last = words.length > 1 ? letter(words.at(-1) ?? "") : "";
  return (first + last).toLocaleUpperCase();
}

/** A hue in degrees, the same for the same text everywhere. */
export function hueOf(text: string): number {
  let sum = 0;
  for (const char of text.toLowerCase()) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 360;
  return sum;
}

/** What a presence means, in words. */
export function showText(show: Show): string {
  const words: Record<Show, string> = {
    online: t("Online"),
    chat: t("Free to chat"),
    away: t("Away"),
    xa: t("Away for long"),
    dnd: t("Do not disturb"),
    offline: t("Offline"),
  };
  return words[show];
}

/** The dot beside a sender; nothing for addresses whose presence is not known. */
export function PresenceDot({ address }: { address: string }): VNode | null {
  const show = presenceOf(address).value?.show;
  if (!show) return null;
  return <span class={`presence presence-${show}`} role="img" aria-label={showText(show)} title={showText(show)} />;
}

export function Avatar({ name, address, size = 36, dot = true }: { name: string; address: string; size?: number; dot?: boolean }): VNode {
  return (
    <span class="avatar" style={{ "--avatar-size": `${size}px`, "--avatar-hue": String(hueOf(address || name)) }}>
      <span class="avatar-text" aria-hidden="true">
        {initials(name || address)}
      </span>
      {dot ? <PresenceDot address={address} /> : null}
    </span>
  );
}
