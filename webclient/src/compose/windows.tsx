/** All windows of this tab: beside each other at the lower edge of a desk, one at a time on a phone. */
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { t, tn } from "../core/i18n.js";
import type { JmapClient } from "../jmap/client.js";
import { isPhone } from "../shell/layout.js";
import { Boundary } from "../ui/boundary.js";
import { Icon } from "../ui/icon.js";
import { MenuButton } from "../ui/menu.js";
import type { Desk } from "./desk.js";
import { Window } from "./window.js";

interface Props {
  readonly desk: Desk;
  readonly client: JmapClient;
}

/** A file that misses a window must not make the browser leave the page for it. */
function useNoStrayFiles(any: boolean): void {
  useEffect(() => {
    if (!any) return undefined;
    const stop = (event: DragEvent): void => {
      if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
    };
    addEventListener("dragover", stop);
    addEventListener("drop", stop);
    return () => {
      removeEventListener("dragover", stop);
      removeEventListener("drop", stop);
    };
  }, [any]);
}

/** On a phone the way back of the browser closes the window, as it leaves a page. */
function useWayBack(desk: Desk, covers: boolean): void {
  useEffect(() => {
    if (!covers) return undefined;
    let gone = false;
    const cover = (): void => {
      gone = false;
      history.pushState({ composing: true }, "");
    };
    cover();
    const onPop = (): void => {
      gone = true;
      // After the page has followed the address: it closes dialogs then, also one that asks here.
      setTimeout(() => {
        const top = desk.list.peek().at(-1);
        if (top) void desk.close(top.composer);
        // Another one is below it, or the question has to be answered: the next way back is theirs.
        if (desk.list.peek().length) cover();
      }, 50);
    };
    addEventListener("popstate", onPop);
    return () => {
      removeEventListener("popstate", onPop);
      if (!gone && (history.state as { composing?: boolean } | null)?.composing) history.back();
    };
  }, [desk, covers]);
}

export function Windows({ desk, client }: Props): VNode | null {
  const { list } = desk;
  const { shown, hidden } = desk.arranged.value;
  useNoStrayFiles(list.value.length > 0);
  useWayBack(desk, isPhone.value && list.value.length > 0);
  if (!list.value.length) return null;
  const full = shown.find(({ state }) => state === "full");
  const phone = isPhone.value;
  const windows = phone ? list.value.slice(-1).map((item) => ({ item, state: "open" as const })) : shown;
  return (
    <div class={phone ? "compose-page" : "compose-dock"} data-keys="off">
      {full && !phone ? <div class="scrim" onClick={() => desk.setState(full.item.composer, "open")} /> : null}
      {hidden.length && !phone ? (
        <MenuButton
          class="dock-more"
          label={tn("1 more letter", "{n} more letters", hidden.length)}
          items={() => hidden.map(({ composer }) => ({ label: composer.subject.peek() || t("New message"), run: () => desk.show(composer) }))}
        >
          <Icon name="draft" size={18} />+{hidden.length}
        </MenuButton>
      ) : null}
      {windows.toReversed().map(({ item, state }) => (
        <Boundary key={item.composer.key}>
          <Window composer={item.composer} state={state} desk={desk} client={client} />
        </Boundary>
      ))}
    </div>
  );
}
