/** A line that tells how the connection is, where that matters; nothing while all is well. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { t, tn } from "../core/i18n.js";
import { Icon } from "../ui/icon.js";
import { useChat } from "./context.js";

/** Seconds until a moment, counted down; never less than 0. */
function useSecondsUntil(at: number | null): number {
  const now = useSignal(Date.now());
  useEffect(() => {
    now.value = Date.now();
    if (at === null) return undefined;
    const timer = setInterval(() => (now.value = Date.now()), 1_000);
    return () => clearInterval(timer);
  }, [at, now]);
  return at === null ? 0 : Math.max(0, Math.ceil((at - now.value) / 1_000));
}

export function LinkLine(): VNode | null {
  const { link, own } = useChat();
  const state = link.state.value;
  const seconds = useSecondsUntil(state.phase === "waiting" ? state.at : null);
  if (state.phase === "online") {
    if (own.chosen.value.show !== "offline") return null;
    return (
      <div class="link-line" role="status">
        <span>{t("You are shown as offline. Messages to you wait until you are back.")}</span>
        <button type="button" class="link-button" onClick={() => own.choose({ show: "online" })}>
          {t("Go online")}
        </button>
      </div>
    );
  }
  if (state.phase === "connecting") {
    return (
      <div class="link-line" role="status">
        <span class="spinner" aria-hidden="true" />
        <span>{t("Connecting…")}</span>
      </div>
    );
  }
  return (
    <div class="link-line link-lost">
      <Icon name="warning" size={16} />
      <span>
        <span role="status">{state.reason}</span>{" "}
        {state.at === null ? null : <span class="link-when">{seconds ? tn("Trying again in 1 second.", "Trying again in {n} seconds.", seconds) : t("Trying again…")}</span>}
      </span>
      {state.at === null ? null : (
        <button type="button" class="link-button" onClick={link.hasten}>
          {t("Try now")}
        </button>
      )}
    </div>
  );
}
