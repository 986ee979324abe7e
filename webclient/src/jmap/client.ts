/**
 * A small JMAP client (RFC 8620): method calls are gathered in a `Batch`, sent
 * as one request, and may refer to each other's results.
 *
 *   const batch = client.batch();
 *   const query = batch.add<QueryResponse>("Email/query", { filter, limit: 50 });
 *   const mails = batch.add<GetResponse<EmailSummary>>("Email/get", { "#ids": query.ref("/ids"), properties });
 *   await batch.send();
 *   mails.value.list
 *
 * `send` throws `Problem` when the whole request is refused (RFC 8620 §3.6.1)
 * and `TypeError` without network; a call that failed throws its `MethodError`
 * (§3.6.2) when its `value` is asked for.
 */
import { problemOf } from "../core/http.js";
import { t } from "../core/i18n.js";
import { send } from "../core/leaving.js";
import type { Id, Limits, SessionObject } from "./types.js";

const CORE = "urn:ietf:params:jmap:core";
const MAIL = "urn:ietf:params:jmap:mail";

/** RFC 8620 §3.7. */
export interface ResultReference {
  readonly resultOf: string;
  readonly name: string;
  readonly path: string;
}

/** A method-level error (RFC 8620 §3.6.2). */
export class MethodError extends Error {
  constructor(
    readonly type: string,
    description?: string,
  ) {
    super(description ?? t("The mail server refused this ({type}).", { type }));
    this.name = "MethodError";
  }
}

type Invocation = readonly [name: string, args: Readonly<Record<string, unknown>>, callId: string];

/** One method call of a batch; `value` is there after `send`. */
export class Call<T> {
  private outcome: T | MethodError | undefined;
  constructor(
    private readonly name: string,
    private readonly callId: string,
  ) {}

  /** A reference to this call's result for a later call of the same batch. */
  ref(path: string): ResultReference {
    return { resultOf: this.callId, name: this.name, path };
  }
  get value(): T {
    if (this.outcome === undefined) throw new MethodError("serverFail", t("The mail server gave no answer."));
    if (this.outcome instanceof MethodError) throw this.outcome;
    return this.outcome;
  }
  /** The error of this call, or null. */
  get error(): MethodError | null {
    return this.outcome instanceof MethodError ? this.outcome : null;
  }
  settle(name: string, args: unknown): void {
    if (name === "error") {
      const { type, description } = args as { type: string; description?: string };
      this.outcome = new MethodError(type, description);
    } else if (this.outcome === undefined) {
      this.outcome = args as T; // the first answer is the method's own; implicit calls (RFC 8620 §5.4) follow it
    }
  }
}

export class Batch {
  private readonly calls: Invocation[] = [];
  private readonly open = new Map<string, Call<unknown>>();
  constructor(private readonly client: JmapClient) {}

  /** Adds a call; the account is filled in. */
  add<T>(name: string, args: Readonly<Record<string, unknown>>): Call<T> {
    const callId = `c${this.calls.length}`;
    this.calls.push([name, { accountId: this.client.accountId, ...args }, callId]);
    const call = new Call<T>(name, callId);
    this.open.set(callId, call);
    return call;
  }

  async send(signal?: AbortSignal): Promise<void> {
    const answers = await this.client.post(this.calls, signal);
    for (const [name, args, callId] of answers) this.open.get(callId)?.settle(name, args);
  }
}

export class JmapClient {
  readonly accountId: Id;
  readonly limits: Limits;
  /** Everything the server can: it has to take what it offers (RFC 8620 §3.3). */
  private readonly using: readonly string[];

  constructor(
    private readonly session: SessionObject,
    private readonly fetcher: typeof send,
  ) {
    this.using = [...new Set([CORE, MAIL, ...Object.keys(session.capabilities)])];
    this.accountId = session.primaryAccounts[MAIL] ?? Object.keys(session.accounts)[0] ?? "";
    const core = session.capabilities[CORE] as Partial<Limits> | undefined;
    this.limits = { maxCallsInRequest: 16, maxObjectsInGet: 500, maxObjectsInSet: 500, maxSizeUpload: 50_000_000, ...core };
  }

  /** Reads the session object (RFC 8620 §2) and gives a client for its primary mail account. */
  static async connect(fetcher: typeof send = send, url = "/.well-known/jmap"): Promise<JmapClient> {
    const response = await fetcher(url, { headers: { Accept: "application/json" }, credentials: "same-origin" });
    if (!response.ok) throw await problemOf(response);
    return new JmapClient((await response.json()) as SessionObject, fetcher);
  }

  /** Octets all attachments of a message may have (RFC 8621 §1.3.1), before they are encoded. */
  get maxSizeAttachments(): number {
    const mail = this.session.accounts[this.accountId]?.accountCapabilities?.[MAIL] as { maxSizeAttachmentsPerEmail?: number } | undefined;
    return mail?.maxSizeAttachmentsPerEmail ?? this.limits.maxSizeUpload;
  }

  batch(): Batch {
    return new Batch(this);
  }

  /** A batch of one call. */
  async call<T>(name: string, args: Readonly<Record<string, unknown>>, signal?: AbortSignal): Promise<T> {
    const batch = this.batch();
    const call = batch.add<T>(name, args);
    await batch.send(signal);
    return call.value;
  }

  async post(methodCalls: readonly Invocation[], signal?: AbortSignal): Promise<readonly Invocation[]> {
    if (methodCalls.length > this.limits.maxCallsInRequest) throw new MethodError("requestTooLarge");
    const response = await this.fetcher(this.session.apiUrl, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ using: this.using, methodCalls }),
      signal: signal ?? null,
    });
    if (!response.ok) throw await problemOf(response);
    const body = (await response.json()) as { methodResponses: readonly Invocation[] };
    return body.methodResponses;
  }

  /** Where a blob is downloaded (RFC 8620 §6.2). */
  downloadUrl(blobId: Id, name: string, type: string): string {
    return expand(this.session.downloadUrl, { accountId: this.accountId, blobId, name: name || "attachment", type });
  }

  /** Where a blob is uploaded (RFC 8620 §6.1). */
  uploadUrl(): string {
    return expand(this.session.uploadUrl, { accountId: this.accountId });
  }

  /** Where state changes are pushed from (RFC 8620 §7.3); `ping` in seconds. */
  eventSourceUrl(types: readonly string[], ping: number): string {
    return expand(this.session.eventSourceUrl, { types: types.join(","), closeafter: "no", ping: String(ping) });
  }
}

/** Fills a level 1 URI template (RFC 6570). */
export function expand(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? ""));
}
