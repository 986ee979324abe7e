// Writing mail in the in-memory account: drafts, identities, sending with undo. Nothing leaves the process.
import { ME } from "./content.mjs";

const UNDO_SECONDS = 10;

/** Adds the methods of writing to an account class. */
export function withWriting(Base) {
  return class extends Base {
    created = new Map(); // creation id -> id, of one request
    submissions = new Map();

    Identity_get() {
      const own = { id: "I1", name: ME.name, email: ME.email, replyTo: null, bcc: null, textSignature: `${ME.name}\nexample.test`, htmlSignature: "", mayDelete: false };
      return { state: "1", list: [own, { ...own, id: "I2", name: "The office", email: "office@example.test", textSignature: "The office" }], notFound: [] };
    }
    Email_get(args) {
      return super.Email_get({ ...args, ids: (args.ids ?? []).map((id) => this.created.get(id) ?? id) });
    }
    property(email, name) {
      return email.written && name in email.written ? email.written[name] : super.property(email, name);
    }
    Email_set({ create = {}, ...rest }) {
      const made = this.failing ? {} : Object.fromEntries(Object.entries(create).map(([key, value]) => [key, this.write(key, value)]));
      const notCreated = this.failing ? Object.fromEntries(Object.keys(create).map((key) => [key, { type: "forbidden", description: "The folder is read-only." }])) : {};
      return { ...super.Email_set(this.failing ? {} : rest), created: made, notCreated };
    }
    write(key, value) {
      const n = this.next++;
      const part = (item) => ({ blobId: `W${n}-${item.partId}`, size: 1, name: null, charset: "utf-8", disposition: null, cid: null, ...item });
      const textBody = value.textBody.map(part);
      const attachments = value.attachments.map((item) => ({ partId: item.blobId, size: this.uploads?.get(item.blobId) ?? 1, name: null, disposition: "attachment", cid: null, ...item }));
      const written = { textBody, htmlBody: (value.htmlBody ?? value.textBody).map(part), attachments, bodyValues: value.bodyValues, messageId: [`M${n}@example.test`] };
      const email = {
        ...value, id: `M${n}`, threadId: `T${n}`, blobId: `B${n}`, n, written, receivedAt: new Date().toISOString().replace(/\.\d+Z/, "Z"),
        preview: value.bodyValues.text.value.slice(0, 200), size: 2000, hasAttachment: attachments.some((item) => item.cid === null),
      };
      this.store(email);
      this.order.unshift(email);
      this.touchBoxes(Object.keys(email.mailboxIds));
      this.note("Email", email.id, "created");
      this.created.set(`#${key}`, email.id);
      return { id: email.id };
    }
    EmailSubmission_set({ create = {}, update = {}, onSuccessUpdateEmail = {} }) {
      const answer = { newState: "1", created: {}, notCreated: {}, updated: {}, notUpdated: {} };
      for (const [key, { emailId }] of Object.entries(create)) {
        const id = `S${this.submissions.size + 1}`;
        const email = this.created.get(emailId) ?? emailId;
        const wrong = (this.emails.get(email).to ?? []).map((one) => one.email).filter((one) => one.startsWith("nobody"));
        if (wrong.length) { answer.notCreated[key] = { type: "invalidRecipients", description: "There is no such address here.", invalidRecipients: wrong }; continue; }
        const sendAt = Date.now() + UNDO_SECONDS * 1000;
        this.submissions.set(id, { email, sendAt });
        answer.created[key] = { id, sendAt: new Date(sendAt).toISOString(), undoStatus: "pending" };
        if (onSuccessUpdateEmail[`#${key}`]) this.Email_set({ update: { [email]: onSuccessUpdateEmail[`#${key}`] } });
      }
      for (const id of Object.keys(update)) {
        const { email, sendAt } = this.submissions.get(id);
        if (Date.now() > sendAt) { answer.notUpdated[id] = { type: "cannotUnsend" }; continue; }
        answer.updated[id] = null;
        if (onSuccessUpdateEmail[id]) this.Email_set({ update: { [email]: onSuccessUpdateEmail[id] } });
      }
      return answer;
    }
    /** Takes an upload; gives the answer of RFC 8620 section 6.1. */
    upload(size, type) {
      this.uploads ??= new Map();
      const blobId = `U${this.uploads.size + 1}`;
      this.uploads.set(blobId, size);
      return { accountId: "A1", blobId, type, size };
    }
  };
}
