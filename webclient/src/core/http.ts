/**
 * The small JSON API beside JMAP (`/api/…`, `/admin/api/…`).
 *
 * Errors arrive as RFC 9457 problem documents and leave as `Problem`; their
 * `detail` is written for people and may be shown as it stands. A 401 means
 * the session is over: `sessionExpired` is set and the shell shows the way back.
 */
import { signal } from "@preact/signals";
import { t } from "./i18n.js";
import { send } from "./leaving.js";

export interface FieldError {
  readonly path: string;
  readonly detail: string;
}

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly errors: readonly FieldError[] = [],
  ) {
    super(detail || title);
    this.name = "Problem";
  }
  /** The complaint about one field of a form, if there is one. */
  field(path: string): string | undefined {
    return this.errors.find((item) => item.path === path)?.detail;
  }
}

/** True once the server has answered 401. */
export const sessionExpired = signal(false);

/** What went wrong, in words for the person at the screen. */
export function explain(error: unknown): string {
  if (error instanceof Error && error.message && !(error instanceof TypeError)) return error.message;
  return t("The server cannot be reached.");
}

/** Turns an unsuccessful response into a `Problem`; marks the session as expired on 401. */
export async function problemOf(response: Response): Promise<Problem> {
  if (response.status === 401) sessionExpired.value = true;
  const type = response.headers.get("content-type") ?? "";
  const fallback = t("The server answered with error {status}.", { status: String(response.status) });
  if (!type.includes("json")) return new Problem(response.status, fallback, "");
  try {
    const body = (await response.json()) as { title?: string; detail?: string; errors?: FieldError[] };
    return new Problem(response.status, body.title ?? fallback, body.detail ?? "", body.errors ?? []);
  } catch {
    return new Problem(response.status, fallback, "");
  }
}

/** Sends `body` as JSON (nothing for GET and DELETE) and returns the decoded answer; throws `Problem` or `TypeError` (no network). */
export async function request<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const init: RequestInit = { method, headers: { Accept: "application/json" }, credentials: "same-origin" };
  if (body !== undefined || (method !== "GET" && method !== "DELETE")) {
    init.headers = { Accept: "application/json", "Content-Type": "application/json" };
    init.body = JSON.stringify(body ?? {});
  }
  if (signal) init.signal = signal;
  const response = await send(path, init);
  if (!response.ok) throw await problemOf(response);
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}
