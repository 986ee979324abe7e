/** Below the text: sending, files, form of the text, how safe the draft is, throwing it away. */
import type { VNode } from "preact";
import { useRef } from "preact/hooks";
import { fileSize } from "../core/format.js";
import { t } from "../core/i18n.js";
import { Button, IconButton } from "../ui/button.js";
import { toast } from "../ui/toast.js";
import { likeFormat } from "./begin.js";
import type { Composer } from "./composer.js";
import { Countdown } from "./countdown.js";
import { htmlOfText } from "./quoting.js";

/** Changes the form of the text; formatting that is lost can be brought back. */
function changeFormat(composer: Composer): void {
  const before = composer.content();
  if (composer.format.peek() === "plain") {
    composer.setFormat("html", { html: htmlOfText(before.text), text: before.text });
    likeFormat("html");
    return;
  }
  composer.setFormat("plain", { html: "", text: before.text });
  likeFormat("plain");
  toast({ text: t("The text is plain now."), seconds: 8, action: { label: t("Undo"), run: () => composer.format.peek() === "plain" && composer.setFormat("html", before) } });
}

function SaveState({ composer }: { composer: Composer }): VNode {
  const state = composer.saver.state.value;
  const texts = { new: "", unsaved: "", saving: t("Saving…"), saved: t("Saved"), failed: "" };
  if (composer.queued.waits.value) return <span class="compose-state">{composer.queued.againAt.value === null ? t("Sends when the files are there.") : ""}</span>;
  return <span class="compose-state">{texts[state]}</span>;
}

/** Why it was not sent, or not saved, and when it is tried again: a line of its own, as it must be read. */
function Trouble({ composer }: { composer: Composer }): VNode | null {
  const { saver, queued, failure } = composer;
  const [words, until] = failure.value !== null ? [failure.value, queued.againAt.value] : [t("Not saved. It is kept in this browser."), saver.againAt.value];
  const isUnsaved = failure.value === null;
  if (isUnsaved && (saver.state.value !== "failed" || composer.contested.value)) return null;
  return (
    <p class={isUnsaved ? "compose-failure compose-unsaved" : "compose-failure"} title={isUnsaved ? (saver.failure.value ?? undefined) : undefined}>
      <span role="alert">{words}</span>
      {until === null ? null : (
        <>
          <Countdown until={until} words={(time) => (isUnsaved ? t("Tries again {time}.", { time }) : t("It is sent again {time}.", { time }))} />
          <Button kind="quiet" onClick={() => composer.retry()}>
            {t("Try now")}
          </Button>
        </>
      )}
    </p>
  );
}

function Attach({ composer }: { composer: Composer }): VNode {
  const input = useRef<HTMLInputElement>(null);
  const limit = fileSize(Math.min(composer.files.limits.one, composer.files.limits.all));
  return (
    <>
      <IconButton icon="clip" label={t("Attach files (up to {limit})", { limit })} onClick={() => input.current?.click()} />
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label={t("Files")}
        onChange={(event) => {
          composer.files.add([...(event.currentTarget.files ?? [])]);
          event.currentTarget.value = "";
        }}
      />
    </>
  );
}

interface Props {
  readonly composer: Composer;
  readonly send: () => void;
  readonly discard: () => void;
}

export function Foot({ composer, send, discard }: Props): VNode {
  const html = composer.format.value === "html";
  return (
    <div class="compose-foot">
      <Trouble composer={composer} />
      <div class="compose-bar">
        <Button kind="primary" icon={composer.queued.waits.value ? "close" : "send"} busy={composer.sending.value} disabled={composer.contested.value} title={t("Ctrl+Enter")} onClick={send}>
          {composer.queued.waits.value ? t("Do not send") : t("Send")}
        </Button>
        <Attach composer={composer} />
        <IconButton icon="format" pressed={html} label={t("Formatted text")} onClick={() => changeFormat(composer)} />
        <SaveState composer={composer} />
        <span class="grow" />
        <IconButton icon="trash" label={t("Discard")} onClick={discard} />
      </div>
    </div>
  );
}
