/** The files of one letter: those on the server, and those on their way. */
import { computed, effect, signal } from "@preact/signals";
import { fileSize } from "../core/format.js";
import { t } from "../core/i18n.js";
import type { Id } from "../jmap/types.js";
import type { Part } from "./letter.js";
import { Upload, type UploadQueue } from "./uploads.js";

export interface Attached {
  readonly key: number;
  readonly name: string;
  readonly type: string;
  readonly size: number;
  /** Content-ID of a picture in the text, else null. */
  readonly cid: string | null;
  readonly blobId: Id | null;
  /** How it got, or gets, to the server; null for what was there. */
  readonly upload: Upload | null;
}

export interface FileLimits {
  /** Octets of one file, and of all files of a letter. */
  readonly one: number;
  readonly all: number;
}

let next = 1;

export class Files {
  readonly list = signal<readonly Attached[]>([]);
  readonly total = computed(() => this.list.value.reduce((sum, file) => sum + file.size, 0));
  /** How many are not on the server yet. */
  readonly pending = computed(() => this.list.value.filter(({ upload }) => upload && upload.state.value !== "done").length);
  readonly failed = computed(() => this.list.value.some(({ upload }) => upload?.state.value === "failed"));

  /** `changed`: what the server would be told has become another. `refused`: why a file was not taken. `touched`: some were added or taken away by hand. */
  constructor(
    private readonly queue: UploadQueue,
    readonly limits: FileLimits,
    private readonly changed: () => void,
    private readonly refused: (text: string) => void,
    private readonly touched: () => void = () => undefined,
  ) {}

  /** Replaces everything by what is on the server. */
  reset(parts: readonly Part[]): void {
    this.list.value = parts.map((part) => ({ ...part, key: next++, upload: null }));
  }

  /** Takes files; gives those taken. One too many is said, and left out. */
  add(files: readonly File[], cidOf: (file: File) => string | null = () => null): readonly Attached[] {
    const taken: Attached[] = [];
    let free = this.limits.all - this.total.peek();
    for (const file of files) {
      const most = Math.min(this.limits.one, this.limits.all);
      if (file.size > most) {
        this.refused(t("{name} is larger than {limit} and cannot be sent by mail.", { name: file.name, limit: fileSize(most) }));
      } else if (file.size > free) {
        this.refused(t("{name} has no room: all files together may have {limit}.", { name: file.name, limit: fileSize(this.limits.all) }));
      } else {
        free -= file.size;
        taken.push(this.begun(file, cidOf(file)));
      }
    }
    this.list.value = [...this.list.value, ...taken];
    if (taken.length) this.touched();
    for (const { upload } of taken) if (upload) this.queue.add(upload);
    return taken;
  }

  private begun(file: File, cid: string | null): Attached {
    const key = next++;
    const upload = new Upload(file, (blobId) => this.arrived(key, blobId));
    return { key, name: file.name, type: file.type, size: file.size, cid, blobId: null, upload };
  }

  private arrived(key: number, blobId: Id): void {
    this.list.value = this.list.value.map((file) => (file.key === key ? { ...file, blobId } : file));
    this.changed();
  }

  /** Tries again: one file that failed, or all that the network broke off. */
  retry(file?: Attached): void {
    if (file?.upload) this.queue.retry(file.upload);
    else for (const { upload } of this.list.peek()) if (upload?.lost) this.queue.retry(upload);
  }

  remove(file: Attached): void {
    if (file.upload) this.queue.cancel(file.upload);
    this.list.value = this.list.value.filter(({ key }) => key !== file.key);
    this.touched();
    if (file.blobId !== null) this.changed();
  }

  /** Breaks off everything on its way. */
  abandon(): void {
    for (const { upload } of this.list.peek()) if (upload && upload.state.peek() !== "done") this.queue.cancel(upload);
  }

  /** Resolves when nothing is on its way any more, or something has failed, or `stop` says so; tells whether all files are there. */
  arrivedAll(stop: () => boolean): Promise<boolean> {
    return new Promise((resolve) => {
      const ended = (there: boolean): void => {
        resolve(there);
        queueMicrotask(() => end()); // not from inside of itself
      };
      const end = effect(() => {
        if (stop() || this.failed.value) ended(false);
        else if (this.pending.value === 0) ended(true);
      });
    });
  }

  parts(): readonly Part[] {
    return this.list.peek().flatMap(({ blobId, name, type, size, cid }) => (blobId === null ? [] : [{ blobId, name, type, size, cid }]));
  }

  /** After a save the files lie in the draft: later saves take them from there. */
  renamed(blobs: ReadonlyMap<Id, Id>): void {
    this.list.value = this.list.value.map((file) => ({ ...file, blobId: blobs.get(file.blobId ?? "") ?? file.blobId }));
  }
}
