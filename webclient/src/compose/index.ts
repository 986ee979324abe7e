/**
 * Where writing mail meets the rest of the page.
 *
 * The page imports this file and `load.ts`; everything else of writing is in `main.tsx`, a
 * chunk of its own that `compose()` (load.ts) fetches when somebody begins to write, or when
 * something is left from before a reload.
 */
import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import type { Id } from "../jmap/types.js";

/** What to write. */
export type ComposeRequest =
  | { readonly kind: "new" }
  | { readonly kind: "mailto"; readonly href: string }
  | { readonly kind: "reply" | "reply-all" | "forward"; readonly id: Id }
  /** Goes on with a draft. */
  | { readonly kind: "draft"; readonly id: Id };

export interface ComposeParts {
  /** The windows; over the lower edge of a desk, a whole page on a phone. */
  readonly Windows: ComponentType;
  /** Resolves when the window is there, or it was said why not. */
  readonly open: (request: ComposeRequest) => Promise<void>;
  /** Saves what is written and not saved yet, as far as that is possible now. */
  readonly settle: () => Promise<void>;
}

/** Null until the chunk has arrived. */
export const composing = signal<ComposeParts | null>(null);
/** Pixels at the end of the lower edge that windows take: what else is docked there stands beside them. */
export const taken = signal(0);
/** Pixels that what else is docked there needs at least. */
export const beside = signal(0);
/** True while a window covers the page, which cannot be reached then. */
export const covering = signal(false);

/** Names of what is kept in the browser: windows of this tab; a mark that letters are kept for lack of a server. */
export const WINDOWS_KEY = "compose-windows";
export const KEPT_KEY = "compose-kept";
