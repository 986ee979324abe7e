/**
 * Keeps one signed-on stream: connects, notices when it is gone, connects again.
 *
 * Each attempt fetches a new one-time token, because a token works once and for
 * a minute. Attempts follow at growing intervals (`Backoff`), at once when the
 * network comes back, and not at all without a session. A stream whose connection
 * was lost is resumed, if the server still has it.
 */
import { signal } from "@preact/signals";
import type { Element } from "@xmpp/xml";
import { Problem } from "../core/http.js";
import { t } from "../core/i18n.js";
import type { Backoff } from "./backoff.js";
import type { Kept } from "./resuming.js";
import { ping } from "./stanzas.js";
import type { Stream, StreamOptions } from "./stream.js";

/** Answer of POST /api/chat-token. */
export interface ChatToken {
  readonly jid: string;
  readonly token: string;
  readonly websocket: string;
}

export type LinkState =
  | { readonly phase: "connecting" }
  | { readonly phase: "online" }
  /** `at`: when the next attempt is made, in milliseconds; null: only when asked to. */
  | { readonly phase: "waiting"; readonly at: number | null; readonly reason: string };

export interface LinkOptions {
  readonly backoff: Backoff;
  readonly version: string;
  readonly token: () => Promise<ChatToken>;
  readonly open: (options: StreamOptions) => Promise<Stream>;
  readonly onStanza: (stanza: Element) => void;
  /** There is a stream; without `onOffline` before, it goes on where the last one was lost. */
  readonly onOnline: (stream: Stream) => void;
  readonly onOffline: () => void;
}

/** Milliseconds of silence after which the server is asked for a sign of life, and how long it has for that. */
const QUIET = 60_000;
const PATIENCE = 10_000;
/** A stream that held this long was a good one. */
const GOOD = 30_000;
/** After an administrator ended the connection one does not come back at once. */
const AFTER_KICK = 30_000;

function randomResource(): string {
  return `webmail-${crypto.randomUUID().slice(0, 8)}`;
}

/** Why the stream ended, for people. */
function endText(condition: string, text: string): { reason: string; wait: number } {
  switch (condition) {
    case "":
      return { reason: t("The connection was lost."), wait: 0 };
    case "policy-violation":
      return { reason: t("The server ended the connection: {text}", { text }), wait: AFTER_KICK };
    case "system-shutdown":
      return { reason: t("The server is restarting."), wait: 0 };
    default:
      return { reason: t("The server ended the connection: {text}", { text: text || condition }), wait: 0 };
  }
}

export class Link {
  readonly state = signal<LinkState>({ phase: "waiting", at: null, reason: "" });
  private stream: Stream | null = null;
  /** What was lost and may be resumed; until that is known, one is not offline. */
  private kept: Kept | null = null;
  private attempt = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private quiet: ReturnType<typeof setInterval> | undefined;
  private heard = 0;
  private since = 0;
  private stopped = true;

  constructor(private readonly options: LinkOptions) {}

  /** Connects, and stays connected until `stop`. */
  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    addEventListener("online", this.hasten);
    addEventListener("offline", this.doubt);
    document.addEventListener("visibilitychange", this.doubt);
    addEventListener("pagehide", this.leave);
    addEventListener("pageshow", this.hasten);
    this.connect();
  }

  /** Ends the stream and makes no other; `reason` in words for people. */
  stop(reason: string): void {
    this.stopped = true;
    removeEventListener("online", this.hasten);
    removeEventListener("offline", this.doubt);
    document.removeEventListener("visibilitychange", this.doubt);
    removeEventListener("pagehide", this.leave);
    removeEventListener("pageshow", this.hasten);
    this.drop();
    this.state.value = { phase: "waiting", at: null, reason };
  }

  /** Tries now instead of later. */
  readonly hasten = (): void => {
    if (!this.stopped && this.state.value.phase === "waiting") this.connect();
  };

  /** Whether the stream still lives, asked when there is reason to doubt it. */
  readonly doubt = (): void => {
    if (document.visibilityState === "hidden" || !this.stream) this.hasten();
    else if (Date.now() - this.heard > PATIENCE) void this.probe();
  };

  /** The page goes away; should it stay, or come back from the browser's cache, `hasten` connects again. */
  readonly leave = (): void => {
    this.drop();
    this.state.value = { phase: "waiting", at: null, reason: "" };
  };

  private drop(kept: Kept | null = null): void {
    this.attempt += 1;
    clearTimeout(this.timer);
    clearInterval(this.quiet);
    const was = this.stream;
    const known = was !== null || this.kept !== null;
    this.stream = null;
    this.kept = kept;
    if (kept) was?.abandon();
    else was?.close();
    if (known && !kept) this.options.onOffline();
  }

  private connect(): void {
    clearTimeout(this.timer);
    const attempt = ++this.attempt;
    this.state.value = { phase: "connecting" };
    this.signOn(attempt).catch((error: unknown) => {
      if (attempt !== this.attempt) return;
      if (error instanceof Problem && error.status === 401) {
        this.drop(); // what waits to be resumed is not waited for any more
        this.state.value = { phase: "waiting", at: null, reason: t("You have been signed out.") };
      } else this.retry(error instanceof Problem ? error.message : t("The chat server cannot be reached."), 0);
    });
  }

  private async signOn(attempt: number): Promise<void> {
    const { token, open, version, onStanza } = this.options;
    const given = await token();
    if (attempt !== this.attempt) return;
    const stream = await open({
      service: given.websocket,
      domain: given.jid.slice(given.jid.lastIndexOf("@") + 1),
      resource: randomResource(),
      username: given.jid,
      password: given.token,
      version,
      resume: this.kept,
      onStanza: (stanza) => {
        if (attempt !== this.attempt) return;
        this.heard = Date.now();
        onStanza(stanza);
      },
      onEnd: (condition, text) => {
        if (attempt === this.attempt) this.ended(condition, text);
      },
    });
    if (attempt === this.attempt) this.opened(stream);
    else stream.close();
  }

  private opened(stream: Stream): void {
    if (this.kept && !stream.resumed) this.options.onOffline();
    this.kept = null;
    this.stream = stream;
    this.heard = this.since = Date.now();
    this.state.value = { phase: "online" };
    this.quiet = setInterval(() => {
      if (Date.now() - this.heard >= QUIET) void this.probe();
    }, QUIET / 4);
    this.options.onOnline(stream);
  }

  private ended(condition: string, text: string): void {
    if (Date.now() - this.since >= GOOD) this.options.backoff.reset();
    this.drop(condition === "" ? (this.stream?.kept() ?? null) : null);
    const { reason, wait } = endText(condition, text);
    this.retry(reason, wait);
  }

  private retry(reason: string, atLeast: number): void {
    if (this.stopped) return;
    const wait = Math.max(atLeast, this.options.backoff.next());
    this.state.value = { phase: "waiting", at: Date.now() + wait, reason };
    this.timer = setTimeout(() => this.connect(), wait);
  }

  private async probe(): Promise<void> {
    const { stream, attempt } = this;
    if (!stream) return;
    this.heard = Date.now(); // one question at a time
    try {
      await stream.request(ping(stream.jid.slice(stream.jid.indexOf("@") + 1).replace(/\/.*$/, "")), PATIENCE);
    } catch (error) {
      // Any answer is a sign of life, an error too; only silence is not.
      const answered = typeof error === "object" && error !== null && "condition" in error;
      if (!answered && attempt === this.attempt) this.ended("", "");
    }
  }
}
