/**
 * An HTML body: a document of its own in a sandboxed frame, cleaned by the
 * server, without scripts and without an origin. Nothing here touches its text.
 * Remote images stay away until they are asked for.
 */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { explain } from "../core/http.js";
import { t } from "../core/i18n.js";
import { settings } from "../core/session.js";
import type { EmailFull } from "../jmap/types.js";
import { scheme } from "../shell/layout.js";
import { Button } from "../ui/button.js";
import { Icon } from "../ui/icon.js";
import type { FrameAnswer } from "./bodies.js";
import { useMail } from "./context.js";

interface State {
  readonly frame: FrameAnswer | null;
  readonly failure: string | null;
}

export function HtmlBody({ email }: { email: EmailFull }): VNode {
  const { mail } = useMail();
  const images = useSignal(settings.value.remote_images === "always");
  const state = useSignal<State>({ frame: null, failure: null });
  const attempt = useSignal(0);
  useEffect(() => {
    const abort = new AbortController();
    mail.bodies
      .frame(email.id, images.value, scheme.value, abort.signal)
      .then((frame) => (state.value = { frame, failure: null }))
      .catch((error: unknown) => {
        if (!abort.signal.aborted) state.value = { frame: null, failure: explain(error) };
      });
    return () => abort.abort();
  }, [email.id, images.value, scheme.value, attempt.value, mail, state]);
  const { frame, failure } = state.value;
  if (failure) return <Failed reason={failure} retry={() => (attempt.value += 1)} />;
  return (
    <div class="html-body">
      {frame?.hasRemoteImages && !images.value ? (
        <div class="notice">
          <Icon name="image" size={18} />
          <span>{t("Images from the internet are not shown.")}</span>
          <Button kind="quiet" onClick={() => (images.value = true)}>
            {t("Show images")}
          </Button>
        </div>
      ) : null}
      {frame ? (
        <iframe
          key={frame.url}
          class={scheme.value === "dark" ? "html-frame html-frame-dark" : "html-frame"}
          src={frame.url}
          sandbox="allow-popups allow-popups-to-escape-sandbox"
          referrerpolicy="no-referrer"
          title={t("Text of the message")}
        />
      ) : (
        <BodySkeleton />
      )}
    </div>
  );
}

function Failed({ reason, retry }: { reason: string; retry: () => void }): VNode {
  return (
    <div class="notice notice-warn" role="alert">
      <Icon name="warning" size={18} />
      <span>{t("The formatted text could not be loaded. {reason}", { reason })}</span>
      <Button kind="quiet" onClick={retry}>
        {t("Try again")}
      </Button>
    </div>
  );
}

export function BodySkeleton(): VNode {
  return (
    <div class="body-skeleton" aria-hidden="true">
      {[92, 97, 88, 60, 0, 95, 72].map((width, index) => (
        <span key={index} class={width ? "skeleton" : ""} style={{ width: `${width}%` }} />
      ))}
    </div>
  );
}
