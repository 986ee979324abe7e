// An in-memory JMAP mail account: enough of RFC 8620 and RFC 8621 for the page.
import { attachmentsOf, isHtml, makeEmail, NOW, textOf } from "./content.mjs";

const MINUTE = 60_000;
const ROLES = { inbox: "Inbox", drafts: "Drafts", sent: "Sent", archive: "Archive", junk: "Junk", trash: "Trash" };

export class MailAccount {
  constructor(size) {
    this.mailboxes = new Map();
    this.emails = new Map();
    this.order = []; // newest first
    this.modseq = 1;
    this.log = []; // {modseq, kind: "Email" | "Mailbox", id, what}
    this.listeners = new Set();
    this.failing = false;
    Object.entries(ROLES).forEach(([id, name], i) => this.addMailbox(id, name, null, id, i));
    this.addMailbox("p", "Projects", null, null, 10);
    this.addMailbox("p1", "New office", "p", null, 1);
    this.addMailbox("p2", "Website relaunch and everything that goes with it", "p", null, 2);
    this.addMailbox("n", "Newsletters", null, null, 11);
    let n = 0;
    for (const [box, count, step] of [["inbox", size, 37], ["sent", 320, 300], ["drafts", 2, 9000], ["archive", 1500, 200], ["junk", 12, 900], ["trash", 41, 700], ["p1", 64, 1500], ["n", 210, 2000]]) {
      for (let i = 0; i < count; i += 1) this.store(makeEmail(n++, box, NOW - i * step * MINUTE * (0.3 + ((i * 7919) % 100) / 70) * 0.6 - 2 * MINUTE));
    }
    this.order = [...this.emails.values()].sort((a, b) => (a.receivedAt < b.receivedAt ? 1 : a.receivedAt > b.receivedAt ? -1 : b.n - a.n));
    this.next = n;
  }
  addMailbox(id, name, parentId, role, sortOrder) {
    this.mailboxes.set(id, { id, name, parentId, role, sortOrder, totalEmails: 0, unreadEmails: 0, totalThreads: 0, unreadThreads: 0, isSubscribed: true });
  }
  store(email) {
    this.emails.set(email.id, email);
    this.count(email, 1);
  }
  count(email, sign) {
    for (const id of Object.keys(email.mailboxIds)) {
      const box = this.mailboxes.get(id);
      box.totalEmails += sign;
      if (!email.keywords.$seen) box.unreadEmails += sign;
    }
  }
  note(kind, id, what) { this.log.push({ modseq: this.modseq, kind, id, what }); }
  commit() {
    this.modseq += 1;
    for (const listener of this.listeners) listener(String(this.modseq));
  }
  deliver() {
    this.touchBoxes(["inbox"]);
    const email = makeEmail(this.next++, "inbox", Date.now());
    delete email.keywords.$seen;
    this.store(email);
    this.order.unshift(email);
    this.note("Email", email.id, "created");
    this.commit();
    return email;
  }
  touchBoxes(ids) { for (const id of new Set(ids)) this.note("Mailbox", id, "updated"); }

  call(name, args) {
    const method = this[name.replace("/", "_")];
    return method ? method.call(this, args) : { error: "unknownMethod" };
  }
  Mailbox_get({ ids }) {
    const list = ids ? ids.map((id) => this.mailboxes.get(id)).filter(Boolean) : [...this.mailboxes.values()];
    return { state: String(this.modseq), list, notFound: [] };
  }
  changes(kind, sinceState, maxChanges = Infinity) {
    const what = new Map();
    for (const entry of this.log) {
      if (entry.kind !== kind || entry.modseq < Number(sinceState)) continue;
      const before = what.get(entry.id);
      what.set(entry.id, before === "created" && entry.what === "updated" ? "created" : entry.what);
    }
    if (what.size > maxChanges) return { error: "cannotCalculateChanges" };
    const of = (name) => [...what].filter(([, w]) => w === name).map(([id]) => id);
    return { oldState: sinceState, newState: String(this.modseq), hasMoreChanges: false, created: of("created"), updated: of("updated"), destroyed: of("destroyed") };
  }
  Mailbox_changes({ sinceState }) { return this.changes("Mailbox", sinceState); }
  Email_changes({ sinceState, maxChanges }) { return this.changes("Email", sinceState, maxChanges); }

  matches(email, filter) {
    if (!filter) return true;
    if (filter.operator) {
      const results = filter.conditions.map((item) => this.matches(email, item));
      if (filter.operator === "AND") return results.every(Boolean);
      return filter.operator === "OR" ? results.some(Boolean) : !results.some(Boolean);
    }
    const has = (text, part) => (text ?? "").toLowerCase().includes(part.toLowerCase());
    const who = (list, part) => (list ?? []).some((item) => has(item.name, part) || has(item.email, part));
    const checks = {
      inMailbox: (v) => email.mailboxIds[v], inMailboxOtherThan: (v) => !v.some((id) => email.mailboxIds[id]),
      hasKeyword: (v) => email.keywords[v], notKeyword: (v) => !email.keywords[v], hasAttachment: (v) => email.hasAttachment === v,
      before: (v) => email.receivedAt < v, after: (v) => email.receivedAt >= v, minSize: (v) => email.size >= v, maxSize: (v) => email.size < v,
      from: (v) => who(email.from, v), to: (v) => who(email.to, v), cc: (v) => who(email.cc, v), subject: (v) => has(email.subject, v), body: (v) => has(textOf(email), v),
      text: (v) => has(email.subject, v) || has(email.preview, v) || who(email.from, v) || who(email.to, v),
    };
    return Object.entries(filter).every(([key, value]) => checks[key]?.(value) ?? false);
  }
  select(filter) {
    const key = `${this.modseq} ${JSON.stringify(filter)}`;
    if (this.selected?.key !== key) this.selected = { key, list: this.order.filter((email) => this.matches(email, filter)) };
    return this.selected.list;
  }
  Email_query({ filter, position = 0, anchor, anchorOffset = 0, limit = 256 }) {
    const list = this.select(filter);
    let start = position;
    if (anchor) {
      const at = list.findIndex((email) => email.id === anchor);
      if (at < 0) return { error: "anchorNotFound" };
      start = Math.max(0, at + anchorOffset);
    }
    return { queryState: String(this.modseq), canCalculateChanges: true, position: start, ids: list.slice(start, start + limit).map((email) => email.id), total: list.length };
  }
  Email_queryChanges({ filter, sinceQueryState, maxChanges }) {
    const changed = this.changes("Email", sinceQueryState);
    const ids = [...changed.created, ...changed.updated, ...changed.destroyed];
    if (ids.length > maxChanges) return { error: "tooManyChanges" };
    const list = this.select(filter);
    const added = [...changed.created, ...changed.updated].map((id) => ({ id, index: list.findIndex((email) => email.id === id) })).filter((item) => item.index >= 0).sort((a, b) => a.index - b.index);
    return { oldQueryState: sinceQueryState, newQueryState: String(this.modseq), total: list.length, removed: [...changed.updated, ...changed.destroyed], added };
  }
  Email_get({ ids, properties }) {
    const list = [];
    const notFound = [];
    for (const id of ids ?? []) {
      const email = this.emails.get(id);
      if (email) list.push(Object.fromEntries(properties.map((name) => [name, this.property(email, name)])));
      else notFound.push(id);
    }
    return { state: String(this.modseq), list, notFound };
  }
  property(email, name) {
    const part = (type) => ({ partId: type === "text/html" ? "h" : "1", blobId: `P${email.n}`, size: 900, name: null, type, charset: "utf-8", disposition: null, cid: null });
    switch (name) {
      case "textBody": return [part("text/plain")];
      case "htmlBody": return [part(isHtml(email) ? "text/html" : "text/plain")];
      case "bodyValues": return { 1: { value: textOf(email), isTruncated: false, isEncodingProblem: false } };
      case "attachments": return attachmentsOf(email);
      case "sentAt": return email.receivedAt;
      case "messageId": return [`${email.id}@example.test`];
      default: return email[name] ?? null;
    }
  }
  Email_set({ update = {}, destroy = [] }) {
    const answer = { oldState: String(this.modseq), updated: {}, destroyed: [], notUpdated: {}, notDestroyed: {} };
    for (const [id, patch] of Object.entries(update)) {
      if (this.failing) answer.notUpdated[id] = { type: "forbidden", description: "The folder is read-only." };
      else if (!this.emails.has(id)) answer.notUpdated[id] = { type: "notFound" };
      else { this.patch(this.emails.get(id), patch); answer.updated[id] = null; }
    }
    const gone = new Set(destroy.filter((id) => this.emails.has(id)));
    for (const id of gone) {
      const email = this.emails.get(id);
      this.touchBoxes(Object.keys(email.mailboxIds));
      this.count(email, -1);
      this.emails.delete(id);
      this.note("Email", id, "destroyed");
      answer.destroyed.push(id);
    }
    if (gone.size) this.order = this.order.filter((email) => !gone.has(email.id));
    this.commit();
    return { ...answer, newState: String(this.modseq) };
  }
  patch(email, patch) {
    this.touchBoxes(Object.keys(email.mailboxIds));
    this.count(email, -1);
    for (const [path, value] of Object.entries(patch)) {
      const [name, key] = path.split("/");
      if (!key) email[name] = value;
      else if (value) email[name] = { ...email[name], [key]: value };
      else { email[name] = { ...email[name] }; delete email[name][key]; }
    }
    this.count(email, 1);
    this.touchBoxes(Object.keys(email.mailboxIds));
    this.note("Email", email.id, "updated");
  }
  Mailbox_set({ create = {}, update = {}, destroy = [] }) {
    const answer = { oldState: String(this.modseq), created: {}, updated: {}, destroyed: [], notCreated: {}, notUpdated: {}, notDestroyed: {} };
    for (const [key, value] of Object.entries(create)) {
      const taken = [...this.mailboxes.values()].some((box) => box.name === value.name && box.parentId === value.parentId);
      if (taken) { answer.notCreated[key] = { type: "invalidProperties", properties: ["name"], description: "A folder of this name exists already." }; continue; }
      const id = `f${this.modseq}${key}`;
      this.addMailbox(id, value.name, value.parentId ?? null, null, 20);
      this.note("Mailbox", id, "created");
      answer.created[key] = { id };
    }
    for (const [id, value] of Object.entries(update)) { Object.assign(this.mailboxes.get(id), value); this.note("Mailbox", id, "updated"); answer.updated[id] = null; }
    for (const id of destroy) {
      if ([...this.mailboxes.values()].some((box) => box.parentId === id)) { answer.notDestroyed[id] = { type: "mailboxHasChild" }; continue; }
      const gone = this.order.filter((email) => email.mailboxIds[id]).map((email) => email.id);
      this.Email_set({ destroy: gone });
      this.mailboxes.delete(id);
      this.note("Mailbox", id, "destroyed");
      answer.destroyed.push(id);
    }
    this.commit();
    return { ...answer, newState: String(this.modseq) };
  }
}

function pointer(value, path) {
  let found = value;
  const parts = path.split("/").slice(1);
  for (let i = 0; i < parts.length; i += 1) {
    if (parts[i] === "*") return found.flatMap((item) => pointer(item, `/${parts.slice(i + 1).join("/")}`));
    found = found[parts[i]];
  }
  return found;
}

/** Answers one JMAP request, with back-references (RFC 8620 §3.7). */
export function answer(account, { methodCalls }) {
  const responses = [];
  account.created?.clear();
  for (const [name, args, callId] of methodCalls) {
    const filled = {};
    let failed = null;
    for (const [key, value] of Object.entries(args)) {
      if (!key.startsWith("#")) { filled[key] = value; continue; }
      const source = responses.find(([from, , id]) => id === value.resultOf && from === value.name);
      if (source) filled[key.slice(1)] = pointer(source[1], value.path);
      else failed = "invalidResultReference";
    }
    const result = failed ? { error: failed } : account.call(name, filled);
    responses.push(result.error ? ["error", { type: result.error }, callId] : [name, { accountId: "A1", ...result }, callId]);
  }
  return { methodResponses: responses, sessionState: "1" };
}
