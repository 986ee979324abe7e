/** Who is signed in, and the settings kept for them on the server (`/api/session`, `/api/settings`). */
import { computed, signal } from "@preact/signals";
import { request } from "./http.js";

export interface Settings {
  readonly theme: "system" | "light" | "dark";
  readonly density: "comfortable" | "compact";
  readonly language: string;
  readonly reading_pane: "right" | "bottom" | "off";
  readonly sounds: boolean;
  /** Of chat messages, by the system. */
  readonly notifications: boolean;
  /** Of new mail: in the page, by the system (the browser), both, or not at all. */
  readonly mail_notice: "off" | "page" | "browser" | "both";
  readonly remote_images: "ask" | "always";
}

export interface Session {
  readonly address: string;
  readonly name: string;
  readonly admin: boolean;
  readonly jid: string;
  readonly domain: string;
  readonly language: string;
  readonly accountId: string;
  readonly version: string;
  readonly idle_minutes: number;
  readonly settings: Partial<Settings>;
}

export const DEFAULTS: Settings = {
  theme: "system",
  density: "comfortable",
  language: "",
  reading_pane: "right",
  sounds: true,
  notifications: false,
  mail_notice: "page",
  remote_images: "ask",
};

/** Null until the server has told who is signed in. */
export const session = signal<Session | null>(null);
const stored = signal<Partial<Settings>>({});
/** The settings in force: what the server keeps over the defaults. */
export const settings = computed<Settings>(() => ({ ...DEFAULTS, ...stored.value }));

export async function loadSession(): Promise<Session> {
  const found = await request<Session>("GET", "/api/session");
  stored.value = found.settings;
  session.value = found;
  return found;
}

/** Applies at once and sends to the server; on failure the old values come back and the error is thrown. */
export async function changeSettings(patch: Partial<Settings>): Promise<void> {
  const before = stored.value;
  stored.value = { ...before, ...patch };
  try {
    stored.value = await request<Partial<Settings>>("PATCH", "/api/settings", patch);
  } catch (error) {
    stored.value = before;
    throw error;
  }
}
