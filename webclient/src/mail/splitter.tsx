/** The border between list and reading pane: dragged, or moved with the arrow keys; each browser keeps its own place. */
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../core/i18n.js";

const LIMITS = { right: [300, 760], bottom: [160, 640] } as const;
const START = { right: 400, bottom: 300 } as const;
const STEP = 24;

function read(mode: "right" | "bottom"): number {
  try {
    return Number(localStorage.getItem(`split-${mode}`)) || START[mode];
  } catch {
    return START[mode];
  }
}

function keep(mode: "right" | "bottom", size: number): void {
  try {
    localStorage.setItem(`split-${mode}`, String(size));
  } catch {
    // private mode: the place is forgotten with the tab
  }
}

export function Splitter({ mode }: { mode: "right" | "bottom" }): VNode {
  const ref = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState(() => read(mode));
  const [low, high] = LIMITS[mode];
  const change = (wanted: number): void => {
    const next = Math.round(Math.max(low, Math.min(high, wanted)));
    setSize(next);
    keep(mode, next);
  };
  useEffect(() => setSize(read(mode)), [mode]);
  useEffect(() => {
    ref.current?.parentElement?.style.setProperty("--split", `${size}px`);
  }, [size, mode]);
  const onMove = (event: PointerEvent): void => {
    const panes = ref.current?.parentElement?.getBoundingClientRect();
    if (!panes || !ref.current?.hasPointerCapture(event.pointerId)) return;
    const rtl = document.documentElement.dir === "rtl";
    const across = rtl ? panes.right - event.clientX : event.clientX - panes.left;
    change(mode === "right" ? across : event.clientY - panes.top);
  };
  return (
    <div
      ref={ref}
      class={`splitter splitter-${mode}`}
      role="separator"
      tabIndex={0}
      aria-orientation={mode === "right" ? "vertical" : "horizontal"}
      aria-label={t("Width of the list")}
      aria-valuenow={size}
      aria-valuemin={low}
      aria-valuemax={high}
      onPointerDown={(event) => {
        event.preventDefault();
        ref.current?.setPointerCapture(event.pointerId);
      }}
      onPointerMove={onMove}
      onDblClick={() => change(START[mode])}
      onKeyDown={(event) => {
        const steps: Readonly<Record<string, number>> = { ArrowLeft: -STEP, ArrowUp: -STEP, ArrowRight: STEP, ArrowDown: STEP };
        const step = steps[event.key];
        if (step === undefined) return;
        event.preventDefault();
        event.stopPropagation();
        change(size + step);
      }}
    />
  );
}
