/** The messages of a conversation: scrolls with what comes, fetches older ones at the top. */
import { useSignalEffect } from "@preact/signals";
import type { RefObject, VNode } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { locale, t } from "../core/i18n.js";
import { isPhone } from "../shell/layout.js";
import { Button } from "../ui/button.js";
import { Icon } from "../ui/icon.js";
import { useChat } from "./context.js";
import type { Conversation } from "./conversation.js";
import { daysOf, dayText, type Run } from "./grouping.js";
import { presenceOf } from "./index.js";
import { addressOfJid } from "./jids.js";
import { RunView } from "./message.js";
import type { Chat } from "./model.js";

/** Pixels from the top at which older messages are fetched, and from the end that still count as the end. */
const NEAR_TOP = 80;
const NEAR_END = 40;

/** Keeps the end in sight while one is there, and the place while older messages come above it. */
function useScroll(list: RefObject<HTMLDivElement | null>, conversation: Conversation, older: () => void): () => void {
  const state = useRef({ atEnd: true, height: 0, first: "" });
  const entries = conversation.entries.value;
  const first = entries[0]?.key ?? "";
  useLayoutEffect(() => {
    const element = list.current;
    if (!element) return;
    const { atEnd, height, first: before } = state.current;
    if (atEnd || entries.at(-1)?.delivery === "waiting") element.scrollTop = element.scrollHeight;
    else if (first !== before && height) element.scrollTop += element.scrollHeight - height;
    state.current = { atEnd: state.current.atEnd, height: element.scrollHeight, first };
  }, [entries, first, list]);
  useEffect(() => {
    const element = list.current;
    if (!element) return undefined;
    // A window that changes its size, or the keyboard of a phone, keeps the end in sight too.
    const observer = new ResizeObserver(() => {
      if (state.current.atEnd) element.scrollTop = element.scrollHeight;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [list]);
  return () => {
    const element = list.current;
    if (!element) return;
    state.current.atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_END;
    if (element.scrollTop < NEAR_TOP && conversation.history.value === "more") older();
  };
}

function Beginning({ conversation, older }: { conversation: Conversation; older: () => void }): VNode {
  const state = conversation.history.value;
  return (
    <div class="log-begin">
      {state === "loading" ? <span class="spinner" role="img" aria-label={t("Loading older messages")} /> : null}
      {state === "more" ? (
        <Button kind="quiet" onClick={older}>
          {t("Older messages")}
        </Button>
      ) : null}
      {state === "failed" ? (
        <>
          <p>{t("The older messages could not be loaded.")}</p>
          <Button kind="quiet" icon="refresh" onClick={older}>
            {t("Try again")}
          </Button>
        </>
      ) : null}
      <p class="log-recorded">
        <Icon name="shield" size={14} />
        {t("Messages in this office are recorded.")}
      </p>
    </div>
  );
}

/** What is still to happen to one's last message: somebody who is offline gets it later. */
function lingeringOf(chat: Chat, conversation: Conversation): string {
  const last = conversation.last.value;
  if (!last?.mine || last.delivery !== "recorded") return "";
  const show = presenceOf(addressOfJid(conversation.jid)).value?.show;
  return show === "offline" ? t("kept until {name} is back", { name: chat.roster.nameOf(conversation.jid) }) : "";
}

export function Log({ conversation }: { conversation: Conversation }): VNode {
  const chat = useChat();
  const list = useRef<HTMLDivElement>(null);
  const older = (): void => void chat.older(conversation);
  const onScroll = useScroll(list, conversation, older);
  useSignalEffect(() => {
    if (conversation.history.value === "unknown" && chat.link.state.value.phase === "online") older();
  });
  const newFrom = conversation.newFrom.value;
  const entries = conversation.entries.value;
  const days = useMemo(() => daysOf(entries, newFrom), [entries, newFrom]);
  const name = chat.roster.nameOf(conversation.jid);
  const lingering = lingeringOf(chat, conversation);
  const now = Date.now();
  const lastRun: Run | undefined = days.at(-1)?.runs.at(-1);
  return (
    <div ref={list} class="log" role="log" aria-live="polite" aria-label={t("Messages with {name}", { name })} aria-busy={conversation.history.value === "loading"} tabIndex={0} onScroll={onScroll}>
      <Beginning conversation={conversation} older={older} />
      {days.map((day) => (
        <div key={day.start} class="log-day">
          <h3 class="day-title" aria-level={isPhone.value ? 2 : 3}>
            <span>{dayText(day.start, now, locale.value)}</span>
          </h3>
          {day.runs.map((run) => (
            <div key={run.key}>
              {run.key === newFrom ? (
                <p class="new-line">
                  <span>{t("New")}</span>
                </p>
              ) : null}
              <RunView conversation={conversation} run={run} name={name} lingering={run === lastRun ? lingering : ""} />
            </div>
          ))}
        </div>
      ))}
    </div>
  );
}
