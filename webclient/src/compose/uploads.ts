/**
 * Files on their way to the server (RFC 8620 §6.1): few at a time, with progress, each can be
 * cancelled and tried again. XMLHttpRequest streams a file from the disk and tells how far it
 * is; fetch() cannot.
 */
import { signal } from "@preact/signals";
import { t } from "../core/i18n.js";
import type { Id } from "../jmap/types.js";

export type UploadState = "waiting" | "running" | "done" | "failed" | "cancelled";

/** Uploads at once; the server takes four of an account. */
const SIDE_BY_SIDE = 3;
/** Milliseconds until one is tried again that the server had no room for, or that the network broke off. */
const AGAIN_AFTER = 2_000;
const ATTEMPTS = 3;

export class Upload {
  readonly state = signal<UploadState>("waiting");
  /** Octets that are there. */
  readonly sent = signal(0);
  readonly failure = signal<string | null>(null);
  blobId: Id | null = null;
  request: XMLHttpRequest | null = null;
  attempts = 0;
  /** It failed for want of a connection. */
  lost = false;
  timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly file: File,
    readonly onDone: (blobId: Id) => void,
  ) {}
}

function reasonFor(status: number): string {
  if (status === 413) return t("The server takes no file of this size.");
  if (status === 401) return t("You have been signed out.");
  if (status === 0) return t("The connection was lost.");
  return t("The server answered with error {status}.", { status: String(status) });
}

export class UploadQueue {
  private readonly waiting: Upload[] = [];
  private readonly running = new Set<Upload>();

  constructor(
    private readonly url: string,
    private readonly makeRequest: () => XMLHttpRequest = () => new XMLHttpRequest(),
  ) {}

  add(upload: Upload): void {
    upload.state.value = "waiting";
    upload.failure.value = null;
    upload.lost = false;
    upload.sent.value = 0;
    this.waiting.push(upload);
    this.next();
  }

  retry(upload: Upload): void {
    upload.attempts = 0;
    clearTimeout(upload.timer);
    if (upload.state.value === "failed") this.add(upload);
  }

  cancel(upload: Upload): void {
    clearTimeout(upload.timer);
    const at = this.waiting.indexOf(upload);
    if (at >= 0) this.waiting.splice(at, 1);
    if (upload.state.value !== "done") upload.state.value = "cancelled";
    upload.request?.abort();
    this.over(upload);
  }

  private next(): void {
    while (this.running.size < SIDE_BY_SIDE) {
      const upload = this.waiting.shift();
      if (!upload) return;
      this.begin(upload);
    }
  }

  private begin(upload: Upload): void {
    const request = this.makeRequest();
    this.running.add(upload);
    upload.request = request;
    upload.attempts += 1;
    upload.state.value = "running";
    request.open("POST", this.url);
    request.setRequestHeader("Content-Type", upload.file.type || "application/octet-stream");
    request.setRequestHeader("Accept", "application/json");
    request.upload.onprogress = (event) => (upload.sent.value = event.loaded);
    request.onload = () => this.answered(upload, request);
    request.onerror = () => this.failed(upload, 0);
    request.ontimeout = () => this.failed(upload, 0);
    request.send(upload.file);
  }

  private answered(upload: Upload, request: XMLHttpRequest): void {
    const blobId = request.status === 201 || request.status === 200 ? fieldOf(request.responseText, "blobId") : null;
    if (blobId === null) {
      this.failed(upload, request.status, request.responseText);
      return;
    }
    upload.blobId = blobId;
    upload.sent.value = upload.file.size;
    upload.state.value = "done";
    this.over(upload);
    upload.onDone(blobId);
  }

  private failed(upload: Upload, status: number, body = ""): void {
    if (upload.state.value === "cancelled") return;
    upload.state.value = "failed";
    this.over(upload);
    if ((status === 0 || status === 429 || status >= 500) && upload.attempts < ATTEMPTS) {
      upload.state.value = "waiting";
      upload.timer = setTimeout(() => this.add(upload), AGAIN_AFTER * upload.attempts);
      return;
    }
    upload.lost = status === 0;
    upload.failure.value = fieldOf(body, "detail") ?? reasonFor(status);
  }

  private over(upload: Upload): void {
    upload.request = null;
    if (this.running.delete(upload)) this.next();
  }
}

/** A member of a JSON object that is a text; a problem document (RFC 9457) has `detail` for people. */
function fieldOf(body: string, name: string): string | null {
  try {
    const found = (JSON.parse(body) as Readonly<Record<string, unknown>>)[name];
    return typeof found === "string" && found ? found : null;
  } catch {
    return null;
  }
}
