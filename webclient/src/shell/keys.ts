/**
 * The keys of the page: those of Gmail, as far as there is something to do.
 *
 * One table serves the keys themselves and the sheet that `?` shows. Keys are
 * off while something is typed, and while a dialog or menu is open.
 */
import { t } from "../core/i18n.js";
import { compose, letterIsOpening } from "../compose/load.js";
import { openOrEdit } from "../compose/open.js";
import { navigate, route } from "../core/router.js";
import { openMoveDialog } from "../mail/move-dialog.js";
import type { MailServices } from "../mail/context.js";
import { dialogIsOpen } from "../ui/dialog.js";
import { drawerOpen } from "./layout.js";

export interface KeyCommand {
  /** Alternatives; a sequence has a space: "g i". Shift is in the character ("U"), Ctrl is written "Ctrl+a". */
  readonly keys: readonly string[];
  readonly label: string;
  readonly group: string;
  readonly run: () => void;
}

const SEQUENCE = 1_200;

function scrollReader(): void {
  const reader = document.querySelector(".reader-scroll");
  reader?.scrollBy({ top: reader.clientHeight * 0.85, behavior: "smooth" });
}

export function keyTable(services: MailServices, showKeys: () => void, focusSearch: () => void): readonly KeyCommand[] {
  const { mail, commands } = services;
  const moving = t("Moving about");
  const doing = t("Messages");
  const going = t("Go to");
  const writing = t("Writing");
  const answer = (kind: "reply" | "reply-all" | "forward"): void => {
    const [id] = commands.targets();
    if (id !== undefined) void compose(services, { kind, id });
  };
  const escape = (): void => {
    if (drawerOpen.value) drawerOpen.value = false;
    else if (mail.selection.size.value) mail.selection.clear();
    else commands.close();
  };
  return [
    { keys: ["j", "ArrowDown"], label: t("Next message"), group: moving, run: () => void commands.step(1) },
    { keys: ["k", "ArrowUp"], label: t("Previous message"), group: moving, run: () => void commands.step(-1) },
    { keys: ["PageDown"], label: t("Ten further"), group: moving, run: () => void commands.step(10) },
    { keys: ["PageUp"], label: t("Ten back"), group: moving, run: () => void commands.step(-10) },
    { keys: ["Home"], label: t("Newest"), group: moving, run: () => void commands.step(-Infinity) },
    { keys: ["End"], label: t("Oldest"), group: moving, run: () => void commands.step(Infinity) },
    { keys: ["o", "Enter"], label: t("Open"), group: moving, run: () => mail.selection.cursor.value && openOrEdit(services, mail.selection.cursor.value) },
    { keys: [" "], label: t("Scroll the message"), group: moving, run: scrollReader },
    { keys: ["u"], label: t("Back to the list"), group: moving, run: () => commands.close() },
    { keys: ["/"], label: t("Search"), group: moving, run: focusSearch },
    { keys: ["g i"], label: t("Inbox"), group: going, run: () => commands.goTo("inbox") },
    { keys: ["g d"], label: t("Drafts"), group: going, run: () => commands.goTo("drafts") },
    { keys: ["g t"], label: t("Sent"), group: going, run: () => commands.goTo("sent") },
    { keys: ["g a"], label: t("Archive"), group: going, run: () => commands.goTo("archive") },
    { keys: ["g c"], label: t("Chat"), group: going, run: () => navigate({ page: "chat" }) },
    { keys: ["g s"], label: t("Settings"), group: going, run: () => navigate({ page: "settings", section: "general" }) },
    { keys: ["?"], label: t("This list"), group: going, run: showKeys },
    { keys: ["c"], label: t("New message"), group: writing, run: () => void compose(services, { kind: "new" }) },
    { keys: ["r"], label: t("Reply"), group: writing, run: () => answer("reply") },
    { keys: ["a"], label: t("Reply to all"), group: writing, run: () => answer("reply-all") },
    { keys: ["f"], label: t("Forward"), group: writing, run: () => answer("forward") },
    { keys: ["e"], label: t("Archive"), group: doing, run: () => commands.archive() },
    { keys: ["#", "Delete"], label: t("Delete"), group: doing, run: () => void commands.remove() },
    { keys: ["!"], label: t("Junk"), group: doing, run: () => commands.junk() },
    { keys: ["v"], label: t("Move to a folder"), group: doing, run: () => openMoveDialog(services) },
    { keys: ["s"], label: t("Star"), group: doing, run: () => commands.star() },
    { keys: ["I"], label: t("Mark as read"), group: doing, run: () => commands.markRead(true) },
    { keys: ["U"], label: t("Mark as unread"), group: doing, run: () => commands.markRead(false) },
    { keys: ["x"], label: t("Select"), group: doing, run: () => commands.tick() },
    { keys: ["Ctrl+a"], label: t("Select all loaded"), group: doing, run: () => commands.tickAll() },
    { keys: ["Escape"], label: t("Clear selection, close message"), group: doing, run: escape },
    { keys: ["z"], label: t("Undo"), group: doing, run: () => mail.actions.undo() },
  ];
}

/** The name of a key press as the table has it. */
export function pressed(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey">): string | null {
  if (event.altKey) return null;
  return event.ctrlKey || event.metaKey ? `Ctrl+${event.key.toLowerCase()}` : event.key;
}

const MAIL_ONLY = new Set(["mail", "search"]);
const EVERYWHERE = /^(g .|\?|\/|c)$/;

function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.closest("[role=menu], dialog, [data-keys=off]") !== null;
}

function menuIsOpen(): boolean {
  return document.querySelector(":popover-open") !== null;
}

/** Enter and Space belong to what has the focus, if that is a control of its own. */
function isControl(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("a, button, summary, [role=separator]") !== null;
}

/** Starts listening; returns the function that stops it. */
export function listenForKeys(table: () => readonly KeyCommand[]): () => void {
  let prefix = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  const onKey = (event: KeyboardEvent): void => {
    const name = pressed(event);
    if (name === null || event.defaultPrevented || dialogIsOpen() || menuIsOpen() || typing(event.target) || letterIsOpening()) return;
    if ((name === "Enter" || name === " ") && isControl(event.target)) return;
    const wanted = prefix ? `${prefix} ${name}` : name;
    prefix = "";
    clearTimeout(timer);
    const here = MAIL_ONLY.has(route.value.page);
    const found = table().find((item) => item.keys.includes(wanted));
    if (found && (here || EVERYWHERE.test(wanted))) {
      event.preventDefault();
      found.run();
    } else if (wanted === "g") {
      prefix = "g";
      timer = setTimeout(() => (prefix = ""), SEQUENCE);
    }
  };
  addEventListener("keydown", onKey);
  return () => removeEventListener("keydown", onKey);
}
