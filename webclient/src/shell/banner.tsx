/** What stands across the page when the server cannot be reached or the session is over. */
import { computed, signal } from "@preact/signals";
import type { VNode } from "preact";
import { sessionExpired } from "../core/http.js";
import { t } from "../core/i18n.js";
import { useMail } from "../mail/context.js";
import { Button } from "../ui/button.js";
import { Icon } from "../ui/icon.js";

const offline = signal(!navigator.onLine);
addEventListener("online", () => (offline.value = false));
addEventListener("offline", () => (offline.value = true));

export const isOffline = computed(() => offline.value);

const PLACE = "place-before-login";

/** To the sign-in page; the place one was at is kept for `placeBefore`. */
export function toLogin(): void {
  try {
    sessionStorage.setItem(PLACE, location.hash);
  } catch {
    // without storage one comes back to the inbox
  }
  location.assign("/login");
}

/** Goes back to where one was before signing in again; call before the router starts. */
export function restorePlace(): void {
  try {
    const place = sessionStorage.getItem(PLACE);
    sessionStorage.removeItem(PLACE);
    if (place && !location.hash) history.replaceState(null, "", place);
  } catch {
    // as above
  }
}

export function Banner(): VNode | null {
  const { mail } = useMail();
  if (sessionExpired.value) {
    return (
      <div class="banner banner-warn" role="alert">
        <Icon name="lock" size={18} />
        <span>{t("You have been signed out.")}</span>
        <Button kind="primary" onClick={toLogin}>
          {t("Sign in again")}
        </Button>
      </div>
    );
  }
  const text = offline.value ? t("You are offline. What you see may be old.") : mail.live.value === "polling" ? t("The connection to the server is lost. Trying again…") : null;
  if (!text) return null;
  return (
    <div class="banner" role="status">
      <span class="spinner" aria-hidden="true" />
      <span>{text}</span>
    </div>
  );
}
