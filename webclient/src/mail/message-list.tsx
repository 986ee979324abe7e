/** The message list: a grid (ARIA) of which only the rows on the screen exist. */
import { useComputed, useSignalEffect } from "@preact/signals";
import type { RefObject, VNode } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { openOrEdit } from "../compose/open.js";
import { formatNumber, t, tn } from "../core/i18n.js";
import { settings } from "../core/session.js";
import type { Id } from "../jmap/types.js";
import { isPhone, pane } from "../shell/layout.js";
import { Button } from "../ui/button.js";
import { EmptyState } from "../ui/empty.js";
import { scrollFor, spacerHeight, useViewport, useWindow, type Viewport } from "../ui/virtual.js";
import { useMail } from "./context.js";
import type { Listing } from "./listing.js";
import type { View } from "./model.js";
import { Row, rowElementId, SkeletonRow } from "./row.js";

/** From this width on a message is one line. */
const WIDE = 760;
const OVERSCAN = 6;

function rowHeightFor(wide: boolean, compact: boolean): number {
  if (wide) return compact ? 36 : 46;
  if (isPhone.value) return compact ? 66 : 84;
  return compact ? 56 : 76;
}

/** Keeps the row under the cursor on the screen. */
function useFollowCursor(view: View, scroller: RefObject<HTMLDivElement | null>, viewport: Viewport, height: number): void {
  const { mail } = useMail();
  useSignalEffect(() => {
    const id = mail.selection.cursor.value;
    const element = scroller.current;
    if (!id || !element) return;
    const index = view.listing.ids.indexOf(id);
    if (index < 0) return;
    const wanted = scrollFor(index, element.scrollTop, viewport.height.peek(), height, view.listing.ids.total);
    if (wanted !== null) element.scrollTop = wanted;
  });
}

/** The list comes back to where it was left. */
function useKeepScroll(view: View, scroller: RefObject<HTMLDivElement | null>, viewport: Viewport): void {
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    element.scrollTop = view.scrollTop.value;
    if (pane.peek() === "off" && document.activeElement === document.body) element.focus({ preventScroll: true });
  }, [view, scroller]);
  useSignalEffect(() => {
    view.scrollTop.value = viewport.top.value;
  });
}

function usePick(view: View): (id: Id, event: MouseEvent) => void {
  const services = useMail();
  const { mail } = services;
  const pick = useRef((id: Id, event: MouseEvent): void => {
    if (event.shiftKey) {
      event.preventDefault();
      mail.selection.extend(id, view.listing.ids.all());
    } else if (event.ctrlKey || event.metaKey) mail.selection.toggle(id);
    else openOrEdit(services, id);
  });
  return pick.current;
}

export function MessageList({ view, label }: { view: View; label: string }): VNode {
  const { mail } = useMail();
  const { listing } = view;
  const scroller = useRef<HTMLDivElement>(null);
  const viewport = useViewport(scroller);
  const wide = useComputed(() => viewport.width.value >= WIDE).value;
  const rowHeight = useComputed(() => rowHeightFor(viewport.width.value >= WIDE, settings.value.density === "compact"));
  const total = useComputed(() => listing.total.value ?? 0);
  const range = useWindow(viewport, rowHeight, total, OVERSCAN);
  const onPick = usePick(view);
  useKeepScroll(view, scroller, viewport);
  useFollowCursor(view, scroller, viewport, rowHeight.value);
  useEffect(() => {
    if (viewport.height.value) listing.show(range.first.value, Math.max(range.first.value + 1, range.last.value));
  }, [listing, viewport.height.value, range.first.value, range.last.value]);
  const cursor = mail.selection.cursor.value;
  const filled = listing.total.value !== 0 && !(listing.failure.value && !listing.total.value);
  return (
    <div
      ref={scroller}
      class={wide ? "rows rows-wide" : "rows"}
      style={{ "--row-height": `${rowHeight.value}px` }}
      role={filled ? "grid" : "region"}
      aria-label={label}
      aria-rowcount={filled ? (listing.total.value ?? -1) : undefined}
      aria-multiselectable={filled ? "true" : undefined}
      aria-busy={listing.total.value === null}
      aria-activedescendant={cursor && filled ? rowElementId(cursor) : undefined}
      tabIndex={0}
    >
      <Rows view={view} first={range.first.value} last={range.last.value} shift={range.shift.value} height={rowHeight.value} onPick={onPick} />
    </div>
  );
}

/** Draws again when ids come or go: they are no signals themselves. */
function useVersion(listing: Listing): number {
  return listing.version.value;
}

interface RowsProps {
  readonly view: View;
  readonly first: number;
  readonly last: number;
  readonly shift: number;
  readonly height: number;
  readonly onPick: (id: Id, event: MouseEvent) => void;
}

function Rows({ view, first, last, shift, height, onPick }: RowsProps): VNode {
  useVersion(view.listing);
  const { listing } = view;
  if (listing.failure.value && !listing.ids.total) return <Failed view={view} text={listing.failure.value} />;
  if (listing.total.value === null) return <>{Array.from({ length: 9 }, (_, index) => <SkeletonRow key={index} top={index * height} />)}</>;
  if (listing.total.value === 0) return <Nothing view={view} />;
  const rows: VNode[] = [];
  for (let index = first; index <= last; index += 1) {
    const id = listing.ids.at(index);
    const top = index * height + shift;
    rows.push(
      id === undefined ? (
        <SkeletonRow key={`hole ${index}`} top={top} />
      ) : (
        <Row key={id} id={id} index={index} top={top} folders={view.mailbox === null} onPick={onPick} />
      ),
    );
  }
  return (
    <div class="rows-inside" role="rowgroup" style={{ height: `${spacerHeight(listing.ids.total, height)}px` }}>
      {rows}
    </div>
  );
}

function Failed({ view, text }: { view: View; text: string }): VNode {
  return (
    <EmptyState icon="warning" title={t("The messages could not be loaded")} text={text}>
      <Button icon="refresh" onClick={() => void view.listing.reload()}>
        {t("Try again")}
      </Button>
    </EmptyState>
  );
}

function Nothing({ view }: { view: View }): VNode {
  const { mail, commands } = useMail();
  if (view.mailbox === null) {
    return <EmptyState icon="search" title={t("Nothing found")} text={t("Try fewer or other words, or look in one folder with in:archive.")} />;
  }
  if (commands.quick.value !== "all") {
    return (
      <EmptyState icon="check" title={commands.quick.value === "unread" ? t("All read") : t("Nothing starred here")}>
        <Button onClick={() => (commands.quick.value = "all")}>{t("Show all messages")}</Button>
      </EmptyState>
    );
  }
  const role = mail.mailboxes.byId.value.get(view.mailbox)?.role;
  if (role === "inbox") return <EmptyState icon="inbox" title={t("Your inbox is empty")} text={t("New mail appears here by itself.")} />;
  if (role === "trash") return <EmptyState icon="trash" title={t("Trash is empty")} />;
  return <EmptyState icon="folder" title={t("This folder is empty")} text={t("Drag messages here, or move them with the key V.")} />;
}

/** "12,345 messages, 3 unread". */
export function countText(total: number, unread: number): string {
  const messages = tn("1 message", "{n} messages", total);
  return unread ? t("{messages}, {unread} unread", { messages, unread: formatNumber(unread) }) : messages;
}
