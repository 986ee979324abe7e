/** The text: a rich editor that is fetched when it is wanted, or a plain field. */
import { effect, useSignal } from "@preact/signals";
import type { RefObject, VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../core/i18n.js";
import type { JmapClient } from "../jmap/client.js";
import { Button } from "../ui/button.js";
import type { Composer } from "./composer.js";
import { loadEditor, type Editor } from "./editor/index.js";
import type { Attached } from "./files.js";

export interface BodyProps {
  readonly composer: Composer;
  readonly client: JmapClient;
}

/** Puts what replaces the text into the editor, and the focus when it is wanted; returns the function that stops it. */
function follow(composer: Composer, put: () => void, focus: () => void): () => void {
  let seen = composer.replaced.peek();
  const stops = [
    effect(() => {
      if (composer.replaced.value === seen) return;
      seen = composer.replaced.value;
      put();
    }),
    effect(() => {
      if (!composer.bodyWanted.value) return;
      composer.bodyWanted.value = false;
      focus();
    }),
  ];
  return () => stops.forEach((stop) => stop());
}

/** Where a picture of the text can be shown from. */
function urlOf(client: JmapClient, file: Attached | undefined): string | undefined {
  return file?.blobId ? client.downloadUrl(file.blobId, file.name, file.type) : undefined;
}

/** Files put into the text: pictures are shown there, others are attached. */
function takeFiles(composer: Composer, editor: Editor, files: readonly File[], urls: string[]): void {
  const isPicture = (file: File): boolean => /^image\/(?:png|jpeg|gif|webp)$/.test(file.type);
  composer.files.add(files.filter((file) => !isPicture(file)));
  const taken = composer.files.add(files.filter(isPicture), () => `${crypto.randomUUID()}@compose`);
  for (const file of taken) {
    if (file.cid === null || !file.upload) continue;
    const url = URL.createObjectURL(file.upload.file);
    urls.push(url);
    editor.insertImage(file.cid, url, file.name);
  }
}

function useEditor(place: RefObject<HTMLDivElement | null>, { composer, client }: BodyProps, attempt: number, failed: (yes: boolean) => void): void {
  useEffect(() => {
    let stop = (): void => undefined;
    let gone = false;
    const urls: string[] = [];
    loadEditor()
      .then(({ mount }) => {
        if (gone || !place.current) return;
        const editor: Editor = mount(place.current, {
          html: composer.stored.html,
          label: t("Text"),
          placeholder: t("Write your message"),
          onChange: () => composer.textChanged(),
          onFiles: (files) => takeFiles(composer, editor, files, urls),
          imageUrl: (cid) => urlOf(client, composer.files.list.peek().find((file) => file.cid === cid)),
        });
        const detach = composer.attach({ html: () => editor.html(), text: () => editor.text() });
        const unfollow = follow(composer, () => editor.setHtml(composer.stored.html), () => editor.focus());
        stop = () => {
          unfollow();
          detach();
          editor.destroy();
          for (const url of urls) URL.revokeObjectURL(url);
        };
        failed(false);
      })
      .catch(() => failed(true));
    return () => {
      gone = true;
      stop();
    };
  }, [composer, client, attempt, place, failed]);
}

function HtmlBody(props: BodyProps): VNode {
  const place = useRef<HTMLDivElement>(null);
  const failure = useSignal(false);
  const attempt = useSignal(0);
  const failed = useRef((yes: boolean) => (failure.value = yes)).current;
  useEditor(place, props, attempt.value, failed);
  return (
    <div class="compose-text">
      <div ref={place} class="compose-editor" />
      {failure.value ? (
        <div class="notice notice-warn" role="alert">
          <span>{t("The editor could not be loaded. You can write plain text, or try again.")}</span>
          <Button kind="quiet" onClick={() => (attempt.value += 1)}>
            {t("Try again")}
          </Button>
        </div>
      ) : null}
    </div>
  );
}

function PlainBody({ composer }: BodyProps): VNode {
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    const area = field.current;
    if (!area) return undefined;
    const put = (): void => {
      area.value = composer.stored.text;
      area.setSelectionRange(0, 0);
      area.scrollTop = 0;
    };
    put();
    const detach = composer.attach({ html: () => "", text: () => area.value });
    const unfollow = follow(composer, put, () => area.focus());
    return () => {
      unfollow();
      detach();
    };
  }, [composer]);
  return (
    <textarea
      ref={field}
      class="compose-plain"
      dir="auto"
      aria-label={t("Text")}
      placeholder={t("Write your message")}
      onInput={() => composer.textChanged()}
      onPaste={(event) => {
        const files = [...(event.clipboardData?.files ?? [])];
        if (!files.length || event.clipboardData?.getData("text/plain")) return;
        event.preventDefault();
        composer.files.add(files);
      }}
    />
  );
}

export function BodyView(props: BodyProps): VNode {
  return props.composer.format.value === "html" ? <HtmlBody {...props} /> : <PlainBody {...props} />;
}
