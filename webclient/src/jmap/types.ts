/** The parts of RFC 8620 and RFC 8621 this application uses, as types. */

export type Id = string;

/** RFC 8620 §2. */
export interface SessionObject {
  readonly capabilities: Readonly<Record<string, unknown>>;
  readonly accounts: Readonly<Record<Id, { readonly name: string; readonly accountCapabilities?: Readonly<Record<string, unknown>> }>>;
  readonly primaryAccounts: Readonly<Record<string, Id>>;
  readonly username: string;
  readonly apiUrl: string;
  readonly downloadUrl: string;
  readonly uploadUrl: string;
  readonly eventSourceUrl: string;
  readonly state: string;
}

/** RFC 8620 §2, the limits of `urn:ietf:params:jmap:core`. */
export interface Limits {
  readonly maxCallsInRequest: number;
  readonly maxObjectsInGet: number;
  readonly maxObjectsInSet: number;
  readonly maxSizeUpload: number;
}

/** RFC 8621 §2. */
export interface Mailbox {
  readonly id: Id;
  readonly name: string;
  readonly parentId: Id | null;
  readonly role: string | null;
  readonly sortOrder: number;
  readonly totalEmails: number;
  readonly unreadEmails: number;
  readonly myRights?: Readonly<Record<string, boolean>>;
}

/** RFC 8621 §4.1.2.3. */
export interface EmailAddress {
  readonly name: string | null;
  readonly email: string;
}

/** What the list shows of an Email (RFC 8621 §4.1). */
export interface EmailSummary {
  readonly id: Id;
  readonly threadId: Id;
  readonly blobId: Id;
  readonly mailboxIds: Readonly<Record<Id, boolean>>;
  readonly keywords: Readonly<Record<string, boolean>>;
  readonly from: readonly EmailAddress[] | null;
  readonly to: readonly EmailAddress[] | null;
  readonly subject: string | null;
  readonly preview: string;
  readonly receivedAt: string;
  readonly size: number;
  readonly hasAttachment: boolean;
}

/** RFC 8621 §4.1.4. */
export interface BodyPart {
  readonly partId: string | null;
  readonly blobId: Id | null;
  readonly size: number;
  readonly name: string | null;
  readonly type: string;
  readonly charset?: string | null;
  readonly disposition: string | null;
  readonly cid: string | null;
}

export interface BodyValue {
  readonly value: string;
  readonly isEncodingProblem?: boolean;
  readonly isTruncated?: boolean;
}

/** What the reading pane shows of an Email. */
export interface EmailFull extends EmailSummary {
  readonly cc: readonly EmailAddress[] | null;
  readonly bcc: readonly EmailAddress[] | null;
  readonly replyTo: readonly EmailAddress[] | null;
  readonly sender: readonly EmailAddress[] | null;
  readonly sentAt: string | null;
  readonly messageId: readonly string[] | null;
  readonly textBody: readonly BodyPart[];
  readonly htmlBody: readonly BodyPart[];
  readonly attachments: readonly BodyPart[];
  readonly bodyValues: Readonly<Record<string, BodyValue>>;
}

export const SUMMARY_PROPERTIES = [
  "id", "threadId", "blobId", "mailboxIds", "keywords", "from", "to", "subject", "preview", "receivedAt", "size", "hasAttachment",
] as const satisfies readonly (keyof EmailSummary)[];

export const FULL_PROPERTIES = [
  ...SUMMARY_PROPERTIES, "cc", "bcc", "replyTo", "sender", "sentAt", "messageId", "textBody", "htmlBody", "attachments", "bodyValues",
] as const satisfies readonly (keyof EmailFull)[];

export const BODY_PROPERTIES = ["partId", "blobId", "size", "name", "type", "charset", "disposition", "cid"] as const;

/** RFC 8620 §5.1. */
export interface GetResponse<T> {
  readonly state: string;
  readonly list: readonly T[];
  readonly notFound: readonly Id[];
}

/** RFC 8620 §5.2. */
export interface ChangesResponse {
  readonly oldState: string;
  readonly newState: string;
  readonly hasMoreChanges: boolean;
  readonly created: readonly Id[];
  readonly updated: readonly Id[];
  readonly destroyed: readonly Id[];
}

/** RFC 8620 §5.3. */
export interface SetError {
  readonly type: string;
  readonly description?: string;
  readonly properties?: readonly string[];
}
export interface SetResponse {
  readonly oldState: string | null;
  readonly newState: string;
  readonly created?: Readonly<Record<string, { readonly id: Id }>> | null;
  readonly updated?: Readonly<Record<Id, unknown>> | null;
  readonly destroyed?: readonly Id[] | null;
  readonly notCreated?: Readonly<Record<string, SetError>> | null;
  readonly notUpdated?: Readonly<Record<Id, SetError>> | null;
  readonly notDestroyed?: Readonly<Record<Id, SetError>> | null;
}

/** RFC 8620 §5.5. */
export interface QueryResponse {
  readonly queryState: string;
  readonly canCalculateChanges: boolean;
  readonly position: number;
  readonly ids: readonly Id[];
  readonly total?: number;
}

/** RFC 8620 §5.6. */
export interface QueryChangesResponse {
  readonly oldQueryState: string;
  readonly newQueryState: string;
  readonly total?: number;
  readonly removed: readonly Id[];
  readonly added: readonly { readonly id: Id; readonly index: number }[];
}

/** RFC 8621 §4.4.1. */
export interface EmailCondition {
  readonly inMailbox?: Id;
  readonly inMailboxOtherThan?: readonly Id[];
  readonly before?: string;
  readonly after?: string;
  readonly minSize?: number;
  readonly maxSize?: number;
  readonly hasKeyword?: string;
  readonly notKeyword?: string;
  readonly hasAttachment?: boolean;
  readonly text?: string;
  readonly from?: string;
  readonly to?: string;
  readonly cc?: string;
  readonly subject?: string;
  readonly body?: string;
}
export interface FilterOperator {
  readonly operator: "AND" | "OR" | "NOT";
  readonly conditions: readonly Filter[];
}
export type Filter = EmailCondition | FilterOperator;

/** RFC 8620 §7.1. */
export interface StateChange {
  readonly "@type": "StateChange";
  readonly changed: Readonly<Record<Id, Readonly<Record<string, string>>>>;
}
