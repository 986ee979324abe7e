/** Letters on the server: loading what is answered or gone on with, saving drafts, sending, taking back. */
import { t } from "../core/i18n.js";
import { MethodError, type JmapClient } from "../jmap/client.js";
import { BODY_PROPERTIES, FULL_PROPERTIES, type GetResponse, type Id, type SetError, type SetResponse } from "../jmap/types.js";
import type { Identity } from "./identities.js";
import type { Letter, Original } from "./letter.js";
import { emailOf, travellingParts } from "./to-email.js";

const PROPERTIES = [...FULL_PROPERTIES, "inReplyTo", "references"] as const;
/** Octets of a body that are quoted; the rest of a longer one is left out. */
const MAX_QUOTED = 1024 * 1024;
/** Characters of a text the editor takes over (editor/core.ts, MAX_HTML): of a draft nothing may be lost. */
const MAX_EDITED = 2_000_000;
/** How often a draft is looked at again, as something else of the account changed, before it is replaced all the same. */
const LOOKS = 6;
/** Milliseconds that the clocks here and at the server may differ. */
const CLOCKS_DIFFER = 86_400_000;

/** What the server refused about one object (RFC 8621 §7.5 adds to RFC 8620 §5.3). */
export interface Refusal extends SetError {
  readonly invalidRecipients?: readonly string[];
  readonly maxRecipients?: number;
  readonly maxSize?: number;
}

export class Refused extends Error {
  constructor(readonly reason: Refusal) {
    super(reason.description ?? t("The mail server refused this ({type}).", { type: reason.type }));
    this.name = "Refused";
  }
}

/** The draft is not where it was left: another version of it may be. */
export class Gone extends Error {
  constructor() {
    super(t("This draft is no longer in Drafts as it was: it was changed, sent or deleted elsewhere."));
    this.name = "Gone";
  }
}

/** The draft that a letter goes on from, and a state of Email (RFC 8620 §5.1) at which it was among the drafts; null when none is known. */
export interface Base {
  readonly id: Id;
  readonly state: string | null;
}

export interface Saved {
  readonly id: Id;
  /** The state of Email then; null when it is not known. */
  readonly state: string | null;
  /** Where the parts lie now, by where they were taken from. */
  readonly blobs: ReadonlyMap<Id, Id>;
}

export interface Sent {
  readonly emailId: Id;
  readonly submissionId: Id;
  /** When it leaves (RFC 8621 §7 sendAt), if the server said so. */
  readonly sendAt: string | null;
  /** Where the parts lie now, as in `Saved`. */
  readonly blobs: ReadonlyMap<Id, Id>;
}

/** A message, and the state of Email it was read at. */
export interface Loaded {
  readonly email: Original;
  readonly state: string;
}

/** An EmailSubmission (RFC 8621 §7), as far as it is looked at. */
interface Submission {
  readonly id: Id;
  readonly emailId: Id;
  readonly sendAt: string;
  readonly undoStatus: string;
}

/** What is on the server of a letter whose last request was not answered. */
export interface Found {
  readonly sent: Sent | null;
  readonly draft: Saved | null;
}

/** What became of an attempt to send: sent, or refused, and the draft that is there now. */
export type Attempt = { readonly sent: Sent } | { readonly refused: Refusal; readonly draft: Saved | null };

type Created = Readonly<Record<string, { readonly id: Id; readonly sendAt?: string }>>;
type Answer = Omit<SetResponse, "created" | "notCreated"> & { readonly created?: Created | null; readonly notCreated?: Readonly<Record<string, Refusal>> | null };

/** Where a letter's parts lie in a draft of it. */
function blobsOf(letter: Letter, made: Original["attachments"]): ReadonlyMap<Id, Id> {
  const parts = travellingParts(letter);
  // A draft's files come back in the order they were given, pictures of the text first.
  const given = [...parts.filter(({ cid }) => cid !== null), ...parts.filter(({ cid }) => cid === null)];
  if (made.length !== given.length) return new Map();
  return new Map(given.map((part, index) => [part.blobId, made[index]?.blobId ?? part.blobId]));
}

export class Drafts {
  constructor(
    private readonly client: JmapClient,
    private readonly mailbox: (role: "drafts" | "sent" | "trash") => Id | undefined,
  ) {}

  private folder(role: "drafts" | "sent"): Id {
    const id = this.mailbox(role);
    if (id === undefined) throw new MethodError("notFound", role === "drafts" ? t("There is no folder for drafts.") : t("There is no folder for sent mail."));
    return id;
  }

  /** A message with all that answering it needs; of longer texts the beginning. */
  async load(id: Id): Promise<Original> {
    return (await this.ask(id, { maxBodyValueBytes: MAX_QUOTED })).email;
  }

  /** A draft to go on with; rejects when it is none any more, or too long to be had, or edited, as a whole. */
  async loadDraft(id: Id): Promise<Loaded> {
    const { email, state } = await this.ask(id, {});
    if (!email.mailboxIds[this.folder("drafts")]) throw new Gone();
    const values = Object.values(email.bodyValues);
    if (values.some(({ value, isTruncated }) => isTruncated === true || value.length > MAX_EDITED)) {
      throw new MethodError("tooLarge", t("The draft is too long to be changed here."));
    }
    return { email, state };
  }

  private async ask(id: Id, limit: Readonly<Record<string, number>>): Promise<Loaded> {
    const answer = await this.client.call<GetResponse<Original>>("Email/get", {
      ids: [id],
      properties: PROPERTIES,
      bodyProperties: BODY_PROPERTIES,
      fetchTextBodyValues: true,
      fetchHTMLBodyValues: true,
      ...limit,
    });
    const email = answer.list[0];
    if (!email) throw new MethodError("notFound", t("The message is no longer there."));
    return { email, state: answer.state };
  }

  /** Puts a draft in the place of an older one (`before`), both in one call; rejects with `Gone` when that is no draft any more. */
  save(letter: Letter, identity: Identity, before: Base | null, messageId: string): Promise<Saved> {
    return this.unlessGone(before, (state) => this.saveAt(state, letter, identity, before?.id ?? null, messageId));
  }

  private async saveAt(state: string | null, letter: Letter, identity: Identity, before: Id | null, messageId: string): Promise<Saved> {
    const batch = this.client.batch();
    const set = batch.add<Answer>("Email/set", this.replacing(state, letter, identity, before, messageId));
    const get = batch.add<GetResponse<Pick<Original, "id" | "attachments">>>("Email/get", { ids: ["#draft"], properties: ["attachments"], bodyProperties: ["blobId"] });
    await batch.send();
    return this.savedOf(set.value, letter, get.error ? [] : get.value.list);
  }

  private replacing(state: string | null, letter: Letter, identity: Identity, before: Id | null, messageId: string): Readonly<Record<string, unknown>> {
    const create = { draft: emailOf(letter, identity, this.folder("drafts"), messageId) };
    if (before === null) return { create };
    return { ...(state === null ? {} : { ifInState: state }), create, destroy: [before] };
  }

  /**
   * Replaces a draft only while it is among the drafts: whatever another tab, browser or program
   * made of it is never lost. The server judges (RFC 8620 §5.3, ifInState): when anything of the
   * account has changed, the draft is looked at again before.
   */
  private async unlessGone<T>(before: Base | null, attempt: (state: string | null) => Promise<T>): Promise<T> {
    if (!before) return attempt(null);
    let { state } = before;
    for (let looks = LOOKS; ; looks -= 1) {
      state ??= await this.stateOf(before.id);
      try {
        // Where mail arrives all the time no state lasts; then it was there a moment ago, and `destroy` finds nothing else by its id.
        return await attempt(looks > 0 ? state : null);
      } catch (error) {
        if (!(error instanceof MethodError) || error.type !== "stateMismatch") throw error;
        state = null;
      }
    }
  }

  /** The state at which a draft is there now; rejects with `Gone` when it is not. */
  private async stateOf(id: Id): Promise<string> {
    const answer = await this.client.call<GetResponse<Pick<Original, "id" | "mailboxIds">>>("Email/get", { ids: [id], properties: ["mailboxIds"] });
    if (!answer.list[0]?.mailboxIds[this.folder("drafts")]) throw new Gone();
    return answer.state;
  }

  private savedOf(set: Answer, letter: Letter, list: readonly Pick<Original, "attachments">[]): Saved {
    const id = set.created?.["draft"]?.id;
    if (id === undefined) throw new Refused(set.notCreated?.["draft"] ?? { type: "serverFail" });
    return { id, state: set.newState, blobs: blobsOf(letter, list[0]?.attachments ?? []) };
  }

  /** Looks for what a request did that was sent since then (a time of the clock here) and not answered. */
  async find(letter: Letter, messageId: string, since: number): Promise<Found> {
    const after = new Date(since - CLOCKS_DIFFER).toISOString();
    const batch = this.client.batch();
    const query = batch.add<{ readonly ids: readonly Id[] }>("Email/query", { filter: { header: ["Message-ID", messageId], after }, limit: 10 });
    const get = batch.add<GetResponse<Pick<Original, "id" | "attachments" | "mailboxIds">>>("Email/get", {
      "#ids": query.ref("/ids"),
      properties: ["mailboxIds", "attachments"],
      bodyProperties: ["blobId"],
    });
    await batch.send();
    if (query.error) throw query.error;
    const { list } = get.value;
    const submitted = list.length ? await this.submissionOf(list.map(({ id }) => id)) : null;
    const email = submitted && list.find(({ id }) => id === submitted.emailId);
    if (email?.mailboxIds[this.folder("drafts")]) await this.toSent(email.id);
    const sent = email && { emailId: email.id, submissionId: submitted.id, sendAt: submitted.sendAt, blobs: blobsOf(letter, email.attachments) };
    const draft = list.find(({ mailboxIds }) => mailboxIds[this.folder("drafts")]);
    return { sent: sent ?? null, draft: draft ? { id: draft.id, state: null, blobs: blobsOf(letter, draft.attachments) } : null };
  }

  /** Ours does what `onSuccessUpdateEmail` asks in one piece with the submission; others may have been stopped in between. */
  private async toSent(id: Id): Promise<void> {
    await this.client.call<SetResponse>("Email/set", { update: { [id]: { mailboxIds: { [this.folder("sent")]: true }, "keywords/$draft": null } } });
  }

  private async submissionOf(emailIds: readonly Id[]): Promise<Submission | null> {
    const batch = this.client.batch();
    const query = batch.add<{ readonly ids: readonly Id[] }>("EmailSubmission/query", { filter: { emailIds }, limit: 10 });
    const get = batch.add<GetResponse<Submission>>("EmailSubmission/get", { "#ids": query.ref("/ids"), properties: ["emailId", "sendAt", "undoStatus"] });
    await batch.send();
    return get.value.list.find(({ undoStatus }) => undoStatus !== "canceled") ?? null;
  }

  /** Saves and sends in one request (RFC 8621 §7.5). Rejects when nothing was done; with `Gone` as `save` does. */
  send(letter: Letter, identity: Identity, before: Base | null, messageId: string): Promise<Attempt> {
    return this.unlessGone(before, (state) => this.sendAt(state, letter, identity, before?.id ?? null, messageId));
  }

  private async sendAt(state: string | null, letter: Letter, identity: Identity, before: Id | null, messageId: string): Promise<Attempt> {
    const sentFolder = this.folder("sent");
    const batch = this.client.batch();
    const set = batch.add<Answer>("Email/set", this.replacing(state, letter, identity, before, messageId));
    const get = batch.add<GetResponse<Pick<Original, "id" | "attachments">>>("Email/get", { ids: ["#draft"], properties: ["attachments"], bodyProperties: ["blobId"] });
    const submit = batch.add<Answer>("EmailSubmission/set", {
      create: { send: { identityId: identity.id, emailId: "#draft" } },
      onSuccessUpdateEmail: { "#send": { mailboxIds: { [sentFolder]: true }, "keywords/$draft": null } },
    });
    await batch.send();
    const draft = this.savedOf(set.value, letter, get.error ? [] : get.value.list);
    if (submit.error) return { refused: { type: submit.error.type, description: submit.error.message }, draft };
    const made = submit.value.created?.["send"];
    if (!made) return { refused: submit.value.notCreated?.["send"] ?? { type: "serverFail" }, draft };
    return { sent: { emailId: draft.id, submissionId: made.id, sendAt: made.sendAt ?? null, blobs: draft.blobs } };
  }

  /** Stops what was sent a moment ago, and makes a draft of it again; rejects with `Refused` when it is too late. */
  async takeBack(sent: Sent): Promise<void> {
    const back = { mailboxIds: { [this.folder("drafts")]: true }, "keywords/$draft": true };
    const answer = await this.client.call<Answer>("EmailSubmission/set", {
      update: { [sent.submissionId]: { undoStatus: "canceled" } },
      onSuccessUpdateEmail: { [sent.submissionId]: back },
    });
    const refused = answer.notUpdated?.[sent.submissionId];
    if (refused) throw new Refused(refused);
  }

  /** Marks the message that was answered or passed on. */
  async mark(id: Id, keyword: string, on: boolean): Promise<void> {
    await this.client.call<SetResponse>("Email/set", { update: { [id]: { [`keywords/${keyword}`]: on || null } } });
  }

  /** Puts a draft into Trash; gives false where it had to be destroyed, as there is no Trash. */
  async discard(id: Id): Promise<boolean> {
    const trash = this.mailbox("trash");
    const args = trash === undefined ? { destroy: [id] } : { update: { [id]: { mailboxIds: { [trash]: true } } } };
    const answer = await this.client.call<SetResponse>("Email/set", args);
    const refused = answer.notUpdated?.[id] ?? answer.notDestroyed?.[id];
    if (refused && refused.type !== "notFound") throw new Refused(refused);
    return trash !== undefined;
  }

  /** Brings a draft back from Trash; false when it is not there any more. */
  async recover(id: Id): Promise<boolean> {
    const answer = await this.client.call<SetResponse>("Email/set", { update: { [id]: { mailboxIds: { [this.folder("drafts")]: true } } } });
    return answer.notUpdated?.[id] === undefined;
  }
}
