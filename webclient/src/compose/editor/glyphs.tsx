/** The signs of the toolbar, 24×24, drawn for this project; apart from `ui/icon.tsx`, which every page loads. */
import type { VNode } from "preact";

const PATHS = {
  bold: ["M7.5 4.5h5.5a3.6 3.6 0 0 1 0 7.2H7.5z", "M7.5 11.7h6.4a3.9 3.9 0 0 1 0 7.8H7.5z"],
  italic: ["M10.5 4.5h7M6.5 19.5h7M14.5 4.5l-5 15"],
  underline: ["M7 4v7a5 5 0 0 0 10 0V4", "M6 20.5h12"],
  strike: ["M16.5 7.5C16 5.5 14.2 4.5 12 4.5c-2.6 0-4.4 1.4-4.4 3.5 0 1 .4 1.9 1.3 2.6", "M4.5 12.2h15", "M15.6 14.5c.5.6.8 1.2.8 2 0 2-1.9 3.3-4.4 3.3-2.4 0-4.2-1.1-4.7-3.2"],
  heading: ["M6 4.500v15M18 4.500v15M6 12h12"],
  bullets: ["M9.5 6.500h11M9.5 12h11M9.5 17.500h11", "M4.8 6.500v.1M4.8 12v.1M4.8 17.500v.1"],
  numbers: ["M10 6.500h10.500M10 12h10.500M10 17.500h10.5", "M4 5l1.5-.8v4.3", "M3.8 14.300c.3-1.3 2.7-1.3 2.7.2 0 1.1-1.5 1.9-2.7 3.300h2.9"],
  quote: ["M4.5 5v14", "M9 7h11M9 12h11M9 17h7"],
  link: ["M10 14a4 4 0 0 0 5.7 0l3.1-3.100a4 4 0 0 0-5.7-5.700l-1.3 1.3", "M14 10a4 4 0 0 0-5.7 0l-3.1 3.100a4 4 0 0 0 5.7 5.700l1.3-1.3"],
  clear: ["M6 5h12M12 5l-2.5 14M7 19h5", "M15 15l5 5M20 15l-5 5"],
  undo: ["M4.5 9.500h10a5 5 0 0 1 0 10H8", "M8.5 5.500l-4 4 4 4"],
  redo: ["M19.5 9.500h-10a5 5 0 0 0 0 10H16", "M15.5 5.500l4 4-4 4"],
  colour: ["M7 15.500L12 4l5 11.500M8.8 11.500h6.4"],
} as const;

export type GlyphName = keyof typeof PATHS;

export function Glyph({ name }: { name: GlyphName }): VNode {
  return (
    <svg class="icon" width={20} height={20} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {PATHS[name].map((d) => (
        <path key={d} d={d} />
      ))}
      {name === "colour" ? <rect class="ink-bar" x="5" y="18.5" width="14" height="3" rx="1" /> : null}
    </svg>
  );
}
