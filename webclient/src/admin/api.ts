/** The operations of `/admin/api/`, and loading their results into a page. */
import { signal, type ReadonlySignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { explain, request } from "../core/http.js";
import { toastError } from "../ui/toast.js";

export type Arguments = Readonly<Record<string, string | number | boolean | undefined>>;

/** Performs an operation; throws `Problem` with a text for people. */
export function call<T = undefined>(operation: string, given: Arguments = {}): Promise<T> {
  return request<T>("POST", `/admin/api/${operation}`, given);
}

/** Performs an operation and says what goes wrong; true if nothing did. */
export async function attempt(failed: string, run: () => Promise<unknown>): Promise<boolean> {
  try {
    await run();
    return true;
  } catch (error) {
    toastError(`${failed} ${explain(error)}`);
    return false;
  }
}

export interface User {
  readonly address: string;
  readonly name: string;
  readonly admin: boolean;
  readonly enabled: boolean;
  readonly published: boolean;
  readonly created: string | null;
  readonly last_login: string | null;
  readonly aliases: readonly string[];
  readonly multipop: number;
}

export interface ConnectionRow {
  readonly jid: string;
  /** When the connection was lost that may still be resumed; null: there is one. */
  readonly waiting_since: string | null;
  readonly address: string;
  readonly since: string;
  readonly protocol: string;
  readonly show: string | null;
  readonly status: string | null;
  readonly priority: number;
  /** Version and cipher. */
  readonly tls: string;
}

export interface BoxRow {
  readonly id: string;
  readonly address: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly tls: string;
  readonly leave: boolean;
  readonly enabled: boolean;
  readonly state: "idle" | "running" | "waiting" | "failed" | "disabled";
  readonly last_run: string | null;
  readonly last_success: string | null;
  readonly last_error: string | null;
  readonly next_run: string | null;
  readonly collected: number;
  readonly failures: number;
  readonly pending_deletes: number;
}

/** Whether a box fails: "waiting" is for the next attempt after a failure. */
export function isFailing(box: BoxRow): boolean {
  return box.enabled && (box.state === "failed" || box.state === "waiting");
}

export interface Finding {
  readonly state: "good" | "warning" | "bad";
  readonly what: string;
  readonly detail: string;
}

export interface Loaded<T> {
  readonly data: ReadonlySignal<T | null>;
  /** In words for people; data of before stays. */
  readonly failure: ReadonlySignal<string | null>;
  readonly busy: ReadonlySignal<boolean>;
  readonly reload: () => Promise<void>;
}

function loader<T>(fetch: () => Promise<T>): Loaded<T> {
  const data = signal<T | null>(null);
  const failure = signal<string | null>(null);
  const busy = signal(false);
  let latest = 0;
  const reload = async (): Promise<void> => {
    const mine = ++latest;
    busy.value = true;
    try {
      const found = await fetch();
      if (mine !== latest) return;
      data.value = found;
      failure.value = null;
    } catch (error) {
      if (mine === latest) failure.value = explain(error);
    } finally {
      if (mine === latest) busy.value = false;
    }
  };
  return { data, failure, busy, reload };
}

/** Loads when the component appears, and again every `seconds` while the page is in sight. */
export function useLoaded<T>(fetch: () => Promise<T>, seconds?: number): Loaded<T> {
  const loaded = useMemo(() => loader(fetch), []);
  useEffect(() => {
    void loaded.reload();
    if (seconds === undefined) return undefined;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible" && !loaded.busy.value) void loaded.reload();
    }, seconds * 1_000);
    return () => clearInterval(timer);
  }, [loaded, seconds]);
  return loaded;
}
