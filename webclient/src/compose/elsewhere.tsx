/** What a window says when its draft is written somewhere else too. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { t } from "../core/i18n.js";
import { Button } from "../ui/button.js";
import { Icon } from "../ui/icon.js";

/** In the place of the letter, while another tab of this browser writes it. */
export function Elsewhere({ takeOver }: { takeOver: () => Promise<void> }): VNode {
  const busy = useSignal(false);
  return (
    <div class="compose-elsewhere">
      <Icon name="draft" size={32} />
      <p role="status">
        <strong>{t("This draft is open in another tab.")}</strong>
        <span>{t("You can go on writing it here. It stays as it is, and the other tab shows what you see now.")}</span>
      </p>
      <Button
        kind="primary"
        busy={busy.value}
        onClick={() => {
          busy.value = true;
          void takeOver().finally(() => (busy.value = false));
        }}
      >
        {t("Continue writing here")}
      </Button>
    </div>
  );
}

/** Above the letter, when what it goes on from has changed: nothing is overwritten without a word. */
export function Contest({ keep, discard }: { keep: () => void; discard: () => void }): VNode {
  return (
    <div class="notice notice-warn compose-contest" role="alert">
      <Icon name="warning" size={18} />
      <span>{t("This draft was changed, sent or deleted elsewhere meanwhile. What is written here is not saved yet.")}</span>
      <Button onClick={keep}>{t("Save as a new draft")}</Button>
      <Button kind="quiet" onClick={discard}>
        {t("Discard this one")}
      </Button>
    </div>
  );
}
