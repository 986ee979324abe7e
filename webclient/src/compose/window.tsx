/** One letter on the screen: docked, folded, full size, or the whole page of a phone. */
import { useSignal } from "@preact/signals";
import type { RefObject, VNode } from "preact";
import { useEffect, useId, useLayoutEffect, useRef } from "preact/hooks";
import { t } from "../core/i18n.js";
import type { JmapClient } from "../jmap/client.js";
import { isPhone } from "../shell/layout.js";
import { IconButton } from "../ui/button.js";
import { Icon } from "../ui/icon.js";
import type { WindowState } from "./arrange.js";
import { BodyView } from "./body-view.js";
import type { Composer } from "./composer.js";
import type { Desk } from "./desk.js";
import { Contest, Elsewhere } from "./elsewhere.js";
import { Fields } from "./fields.js";
import { FilesView } from "./files-view.js";
import { Foot } from "./foot.js";

export interface WindowProps {
  readonly composer: Composer;
  readonly state: WindowState;
  readonly desk: Desk;
  readonly client: JmapClient;
}

/** Puts the focus where writing goes on, when the window is to have it. */
function useFocus(box: RefObject<HTMLElement | null>, { composer, desk }: WindowProps): void {
  const wanted = desk.focusing.value === composer.key;
  useEffect(() => {
    if (!wanted) return;
    desk.focusing.value = null;
    if (composer.focus === "body") composer.bodyWanted.value = true;
    else if (composer.focus === "subject") box.current?.querySelector<HTMLElement>("[name=subject]")?.focus();
    else box.current?.querySelector<HTMLElement>(`.compose-${composer.focus} input`)?.focus();
  }, [wanted, desk, composer, box]);
}

function canTakeFocus(element: Element | null): element is HTMLElement {
  return element instanceof HTMLElement && element !== document.body && element.isConnected && element.checkVisibility() && !element.closest("[inert], :disabled");
}

/** When a window goes that has the focus, that goes to what it was opened from, else to the list or the message (WCAG 2.4.3). */
function useFocusAfter(box: RefObject<HTMLElement | null>): void {
  useLayoutEffect(() => {
    const [own, from] = [box.current, document.activeElement];
    return () => {
      // A button that is busy has lost it already: then nothing has it.
      if (document.activeElement !== document.body && !own?.contains(document.activeElement)) return;
      setTimeout(() => {
        if (document.activeElement !== document.body) return;
        const places = [from, ...[".main .rows", ".main .reader", ".compose-button"].map((each) => document.querySelector(each))];
        places.find(canTakeFocus)?.focus({ preventScroll: true });
      });
    };
  }, [box]);
}

function hasFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes("Files") ?? false;
}

/** Files dragged over the window show where they can be dropped. */
function DropZone({ drop, leave }: { drop: (files: readonly File[]) => void; leave: () => void }): VNode {
  return (
    <div
      class="compose-drop"
      onDragOver={(event) => event.preventDefault()}
      onDragLeave={leave}
      onDrop={(event) => {
        event.preventDefault();
        event.stopPropagation();
        drop([...(event.dataTransfer?.files ?? [])]);
      }}
    >
      <Icon name="clip" size={28} />
      <span>{t("Drop files here to attach them")}</span>
    </div>
  );
}

function Head({ composer, state, desk, heading }: WindowProps & { heading: string }): VNode {
  const title = composer.subject.value.trim() || t("New message");
  const close = (): void => void desk.close(composer);
  if (isPhone.value) {
    return (
      <div class="compose-head">
        <IconButton icon="back" label={t("Close and keep the draft")} onClick={close} />
        <h2 id={heading} dir="auto">
          {title}
        </h2>
      </div>
    );
  }
  const folded = state === "folded";
  return (
    <div class="compose-head">
      <h2 id={heading} dir="auto">
        <button type="button" aria-expanded={!folded} onClick={() => (folded ? desk.show(composer) : desk.setState(composer, "folded"))}>
          {title}
        </button>
      </h2>
      {folded ? null : <IconButton icon="minimize" size={18} label={t("Fold")} onClick={() => desk.setState(composer, "folded")} />}
      {folded ? null : (
        <IconButton icon={state === "full" ? "shrink" : "expand"} size={17} label={state === "full" ? t("Smaller") : t("Full size")} onClick={() => desk.setState(composer, state === "full" ? "open" : "full")} />
      )}
      <IconButton icon="close" size={18} label={t("Close and keep the draft")} shortcut={t("Esc")} onClick={close} />
    </div>
  );
}

function onEscape(event: KeyboardEvent, { composer, desk, state }: WindowProps): void {
  const target = event.target as HTMLElement;
  if (event.key !== "Escape" || event.isComposing || target.closest(":popover-open")) return;
  // The editor prevents what a browser does at it, always; from others it means that they have taken it.
  if (event.defaultPrevented && !target.closest(".compose-editor [role=textbox]")) return;
  event.preventDefault();
  if (state === "full" && !isPhone.peek()) desk.setState(composer, "open");
  else void desk.close(composer);
}

function Inside({ composer, desk, client, send }: WindowProps & { send: () => void }): VNode {
  const discard = (): void => void desk.discard(composer);
  return (
    <>
      {composer.contested.value ? <Contest keep={() => desk.keepApart(composer)} discard={discard} /> : null}
      <div class="compose-scroll">
        <Fields composer={composer} />
        <BodyView composer={composer} client={client} />
        <FilesView composer={composer} />
      </div>
      <Foot composer={composer} send={send} discard={discard} />
    </>
  );
}

export function Window(props: WindowProps): VNode {
  const { composer, state, desk } = props;
  const heading = useId();
  const box = useRef<HTMLElement>(null);
  const dragging = useSignal(false);
  useFocusAfter(box);
  useFocus(box, props);
  const send = (): void => {
    if (composer.elsewhere.peek() || composer.contested.peek()) return;
    // What is written in a field of recipients is taken over when it loses the focus.
    const active = document.activeElement;
    if (active instanceof HTMLInputElement) active.blur();
    void desk.send(composer);
  };
  return (
    <section
      ref={box}
      class={`compose-window compose-${state}`}
      role="dialog"
      aria-labelledby={heading}
      aria-busy={composer.sending.value}
      onKeyDownCapture={(event) => {
        // Before the editor, for which it is a line of its own.
        if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
        event.preventDefault();
        event.stopPropagation();
        send();
      }}
      onKeyDown={(event) => onEscape(event, props)}
      onDragEnter={(event) => {
        if (hasFiles(event) && state !== "folded" && !composer.elsewhere.peek()) dragging.value = true;
      }}
    >
      <Head {...props} heading={heading} />
      <div class="compose-inside" hidden={state === "folded"}>
        {composer.elsewhere.value ? <Elsewhere takeOver={() => desk.takeOver(composer)} /> : <Inside {...props} send={send} />}
      </div>
      {dragging.value ? (
        <DropZone
          leave={() => (dragging.value = false)}
          drop={(files) => {
            dragging.value = false;
            composer.files.add(files);
          }}
        />
      ) : null}
    </section>
  );
}
