/**
 * State changes as they happen: the JMAP event source (RFC 8620 §7.3).
 *
 * Of all open tabs one holds the stream and tells the others, because a browser
 * gives an HTTP/1.1 origin six connections and a stream keeps one. A stream
 * that ends, is refused, or stays silent longer than two pings is opened again
 * after a growing pause; meanwhile states are polled. Whenever a stream opens,
 * `onGap` is called: something may have happened while nobody listened.
 */
import { signal } from "@preact/signals";
import { leaving } from "../core/leaving.js";
import type { Id, StateChange } from "./types.js";

export type PushStatus = "connecting" | "live" | "polling";
/** New state strings by type name, of the one account shown. */
export type States = Readonly<Record<string, string>>;

export interface PushOptions {
  readonly url: string;
  readonly accountId: Id;
  /** Seconds between the server's pings. */
  readonly ping: number;
  readonly onStates: (states: States) => void;
  /** Called when changes may have been missed: the caller asks for all. */
  readonly onGap: () => void;
}

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;
const POLL = 30_000;
const LOCK = "mailim-push";

export class Push {
  readonly status = signal<PushStatus>("connecting");
  private source: EventSource | null = null;
  private readonly channel: BroadcastChannel;
  private readonly stopped = new AbortController();
  private pause = FIRST_PAUSE;
  private opened = 0;
  private reopenTimer: ReturnType<typeof setTimeout> | undefined;
  private silenceTimer: ReturnType<typeof setTimeout> | undefined;
  private pollTimer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly options: PushOptions) {
    this.channel = new BroadcastChannel(`${LOCK}-${options.accountId}`);
  }

  start(): void {
    this.channel.onmessage = (event: MessageEvent<{ states?: States; status?: PushStatus; gap?: boolean }>) => {
      if (event.data.status) this.status.value = event.data.status;
      if (event.data.states) this.options.onStates(event.data.states);
      if (event.data.gap) this.options.onGap();
    };
    addEventListener("online", this.retryNow, { signal: this.stopped.signal });
    document.addEventListener("visibilitychange", this.onVisible, { signal: this.stopped.signal });
    const stopFollowing = leaving.subscribe((value) => (value ? this.hush() : this.retryNow()));
    this.stopped.signal.addEventListener("abort", stopFollowing);
    // Resolves only when this tab becomes the one that listens; held until the tab goes.
    navigator.locks
      .request(`${LOCK}-${this.options.accountId}`, { signal: this.stopped.signal }, () => {
        this.open();
        return new Promise<void>((resolve) => this.stopped.signal.addEventListener("abort", () => resolve()));
      })
      .catch(() => undefined); // aborted while waiting: the tab is going
    // Another tab listens already: it is as good as live.
    void navigator.locks.query().then((locks) => {
      if (!this.source && locks.held?.some((lock) => lock.name === `${LOCK}-${this.options.accountId}`)) this.status.value = "live";
    });
  }

  stop(): void {
    this.stopped.abort();
    clearTimeout(this.reopenTimer);
    clearTimeout(this.silenceTimer);
    clearInterval(this.pollTimer);
    this.source?.close();
    this.channel.close();
  }

  /** The page is on its way out: no stream, until it turns out to stay. */
  private hush(): void {
    clearTimeout(this.reopenTimer);
    clearTimeout(this.silenceTimer);
    this.source?.close();
    this.status.value = "connecting";
  }

  private open(): void {
    this.source?.close();
    if (leaving.peek()) return;
    const source = new EventSource(this.options.url);
    this.source = source;
    source.onopen = () => this.onOpen();
    source.addEventListener("state", (event) => this.onState(event as MessageEvent<string>));
    source.addEventListener("ping", () => this.heard());
    source.onerror = () => this.onError();
    this.heard();
  }

  private onOpen(): void {
    this.pause = FIRST_PAUSE;
    clearInterval(this.pollTimer);
    this.pollTimer = undefined;
    this.setStatus("live");
    this.heard();
    // The very first stream opens beside the first load, which is as fresh.
    if (this.opened++ > 0) this.gap();
  }

  private onState(event: MessageEvent<string>): void {
    this.heard();
    const change = JSON.parse(event.data) as StateChange;
    const states = change.changed[this.options.accountId];
    if (!states) return;
    this.channel.postMessage({ states });
    this.options.onStates(states);
  }

  private onError(): void {
    this.source?.close();
    this.setStatus(this.opened > 0 && this.pause < 8_000 ? "connecting" : "polling");
    // A refused stream tells no reason; a plain request does, a session that is over for one.
    if (this.pause === 2 * FIRST_PAUSE) this.gap();
    this.opened = Math.max(this.opened, 1); // what comes after an error is never the first, fresh stream
    this.pollTimer ??= setInterval(() => this.gap(), POLL);
    clearTimeout(this.reopenTimer);
    this.reopenTimer = setTimeout(() => this.open(), this.pause * (0.75 + Math.random() / 2));
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
  }

  /** Anything heard puts off the moment when silence counts as a dead stream. */
  private heard(): void {
    clearTimeout(this.silenceTimer);
    this.silenceTimer = setTimeout(() => this.onError(), this.options.ping * 2_000 + 10_000);
  }

  private gap(): void {
    this.channel.postMessage({ gap: true });
    this.options.onGap();
  }

  private setStatus(status: PushStatus): void {
    this.status.value = status;
    this.channel.postMessage({ status });
  }

  private readonly retryNow = (): void => {
    if (this.source && this.status.value !== "live") {
      clearTimeout(this.reopenTimer);
      this.open();
    }
  };
  private readonly onVisible = (): void => {
    if (document.visibilityState === "visible") this.retryNow();
  };
}
