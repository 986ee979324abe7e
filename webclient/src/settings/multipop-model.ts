/** The outside mailboxes collected for this account (`/api/multipop`). */
import { computed, signal } from "@preact/signals";
import { explain, request } from "../core/http.js";

export type BoxState = "idle" | "running" | "waiting" | "failed" | "disabled";
export type BoxTls = "tls" | "stls" | "none";

export interface Box {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly tls: BoxTls;
  readonly leave: boolean;
  readonly enabled: boolean;
  readonly state: BoxState;
  readonly last_run: string | null;
  readonly last_success: string | null;
  readonly last_error: string | null;
  readonly next_run: string | null;
  readonly collected: number;
  readonly failures: number;
  readonly pending_deletes: number;
}

/** What the form sends; without a password the kept one stays. */
export interface BoxForm {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password?: string;
  readonly tls: BoxTls;
  readonly leave: boolean;
}

export interface TestResult {
  readonly ok: boolean;
  readonly detail: string;
  readonly messages: number;
  readonly octets: number;
}

const LIVE = 2_000;
const IDLE = 20_000;
/** How long a run that was asked for may take to show. */
const GRACE = 6_000;

export class MultipopModel {
  readonly boxes = signal<readonly Box[] | null>(null);
  readonly enabled = signal(true);
  readonly failure = signal<string | null>(null);
  readonly running = computed(() => (this.boxes.value ?? []).some((box) => box.state === "running"));
  private timer: ReturnType<typeof setTimeout> | undefined;
  private liveUntil = 0;
  private stopped = false;

  start(): void {
    void this.poll();
  }
  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  async load(): Promise<void> {
    try {
      const answer = await request<{ boxes: Box[]; enabled: boolean }>("GET", "/api/multipop");
      this.boxes.value = answer.boxes;
      this.enabled.value = answer.enabled;
      this.failure.value = null;
    } catch (error) {
      this.failure.value = explain(error);
    }
  }

  /** Every two seconds while a run is on, else now and then. */
  private async poll(): Promise<void> {
    clearTimeout(this.timer);
    if (document.visibilityState === "visible") await this.load();
    if (this.stopped) return;
    const live = this.running.value || Date.now() < this.liveUntil;
    this.timer = setTimeout(() => void this.poll(), live ? LIVE : IDLE);
  }

  async collect(id?: string): Promise<void> {
    await request("POST", "/api/multipop/run", id === undefined ? {} : { id });
    this.liveUntil = Date.now() + GRACE;
    await this.poll();
  }
  async save(form: BoxForm, id: string | null): Promise<Box> {
    const box = id === null ? await request<Box>("POST", "/api/multipop", form) : await request<Box>("PATCH", `/api/multipop/${id}`, form);
    await this.load();
    return box;
  }
  async setEnabled(id: string, enabled: boolean): Promise<void> {
    await request("PATCH", `/api/multipop/${id}`, { enabled });
    await this.load();
  }
  async remove(id: string): Promise<void> {
    await request("DELETE", `/api/multipop/${id}`);
    await this.load();
  }
  test(id: string): Promise<TestResult> {
    return request<TestResult>("POST", `/api/multipop/${id}/test`, {});
  }
}
