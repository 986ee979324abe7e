/**
 * Which rows of a very long list are on the screen.
 *
 * Browsers stop at some 16 million pixels, so a list that would be higher is
 * given `MAX_HEIGHT` and its scroll position is stretched: then `shift` is how
 * far the rows must be moved to stand where the scroll bar says.
 */
import { useComputed, useSignal, type ReadonlySignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect } from "preact/hooks";

export const MAX_HEIGHT = 12_000_000;

export interface Window {
  readonly first: number;
  readonly last: number;
  readonly shift: number;
}

/** Height of the element that makes the scroll bar, in pixels. */
export function spacerHeight(total: number, rowHeight: number): number {
  return Math.min(total * rowHeight, MAX_HEIGHT);
}

/** Position in the unstretched list for a scroll position. */
function stretched(top: number, view: number, total: number, rowHeight: number): number {
  const full = total * rowHeight;
  if (full <= MAX_HEIGHT) return top;
  return top * ((full - view) / (MAX_HEIGHT - view));
}

export function windowOf(top: number, view: number, rowHeight: number, total: number, overscan: number): Window {
  const offset = Math.max(0, stretched(top, view, total, rowHeight));
  const first = Math.max(0, Math.floor(offset / rowHeight) - overscan);
  const last = Math.min(total - 1, Math.ceil((offset + view) / rowHeight) + overscan);
  return { first, last, shift: Math.round(top - offset) };
}

/** The scroll position at which a row is wholly visible, or null when it is already. */
export function scrollFor(index: number, top: number, view: number, rowHeight: number, total: number): number | null {
  const offset = stretched(top, view, total, rowHeight);
  const row = index * rowHeight;
  let wanted: number | null = null;
  if (row < offset) wanted = row;
  else if (row + rowHeight > offset + view) wanted = row + rowHeight - view;
  if (wanted === null) return null;
  const full = total * rowHeight;
  return full <= MAX_HEIGHT ? wanted : wanted * ((MAX_HEIGHT - view) / (full - view));
}

export interface Viewport {
  readonly top: ReadonlySignal<number>;
  readonly height: ReadonlySignal<number>;
  readonly width: ReadonlySignal<number>;
}

/** Follows the scroll position and size of an element, at most once a frame. */
export function useViewport(ref: RefObject<HTMLElement | null>): Viewport {
  const top = useSignal(0);
  const height = useSignal(0);
  const width = useSignal(0);
  useEffect(() => {
    const element = ref.current;
    if (!element) return undefined;
    let frame = 0;
    const read = (): void => {
      frame = 0;
      top.value = element.scrollTop;
    };
    const onScroll = (): void => {
      frame ||= requestAnimationFrame(read);
    };
    const observer = new ResizeObserver(() => {
      height.value = element.clientHeight;
      width.value = element.clientWidth;
    });
    element.addEventListener("scroll", onScroll, { passive: true });
    observer.observe(element);
    height.value = element.clientHeight;
    width.value = element.clientWidth;
    return () => {
      cancelAnimationFrame(frame);
      element.removeEventListener("scroll", onScroll);
      observer.disconnect();
    };
  }, [ref, top, height, width]);
  return { top, height, width };
}

/** The window as numbers that change only when another row comes into it. */
export function useWindow(viewport: Viewport, rowHeight: ReadonlySignal<number>, total: ReadonlySignal<number>, overscan: number): {
  first: ReadonlySignal<number>;
  last: ReadonlySignal<number>;
  shift: ReadonlySignal<number>;
} {
  const found = useComputed(() => windowOf(viewport.top.value, viewport.height.value, rowHeight.value, total.value, overscan));
  return {
    first: useComputed(() => found.value.first),
    last: useComputed(() => found.value.last),
    shift: useComputed(() => found.value.shift),
  };
}
