/** As whom one sends, with signatures: JMAP's Identity (RFC 8621 §6). */
import { signal } from "@preact/signals";
import { explain } from "../core/http.js";
import type { JmapClient } from "../jmap/client.js";
import type { EmailAddress, GetResponse, Id } from "../jmap/types.js";
import { refusalOf, type Refusal, type SetAnswer } from "./refusal.js";
import { htmlOfText } from "./rich-text.js";

export interface Identity {
  readonly id: Id;
  readonly name: string;
  readonly email: string;
  readonly replyTo: readonly EmailAddress[] | null;
  readonly bcc: readonly EmailAddress[] | null;
  readonly textSignature: string;
  readonly htmlSignature: string;
  readonly mayDelete: boolean;
}

interface Person {
  readonly name: string;
  readonly email: string;
}

/** What stands in the form. */
export interface IdentityForm {
  readonly name: string;
  readonly email: string;
  readonly replyTo: readonly Person[];
  readonly bcc: readonly Person[];
  readonly html: string;
  readonly text: string;
}

function people(list: readonly EmailAddress[] | null): Person[] {
  return (list ?? []).map(({ name, email }) => ({ name: name ?? "", email }));
}

function addresses(list: readonly Person[]): EmailAddress[] | null {
  return list.length ? list.map(({ name, email }) => ({ name: name || null, email })) : null;
}

export function formOf(identity: Identity | null): IdentityForm {
  if (!identity) return { name: "", email: "", replyTo: [], bcc: [], html: "", text: "" };
  const { name, email, replyTo, bcc, textSignature: text, htmlSignature } = identity;
  return { name, email, replyTo: people(replyTo), bcc: people(bcc), html: htmlSignature || (text ? htmlOfText(text) : ""), text };
}

/** What to send; the address only for one that is new, because it cannot change (§6). */
export function bodyOf(form: IdentityForm, isNew: boolean): Record<string, unknown> {
  const body = {
    name: form.name.trim(),
    replyTo: addresses(form.replyTo),
    bcc: addresses(form.bcc),
    textSignature: form.text.trim() ? form.text : "",
    htmlSignature: form.text.trim() ? form.html : "",
  };
  return isNew ? { ...body, email: form.email.trim() } : body;
}

export class IdentitiesModel {
  readonly list = signal<readonly Identity[] | null>(null);
  readonly failure = signal<string | null>(null);

  constructor(private readonly client: JmapClient) {}

  async load(): Promise<void> {
    try {
      this.list.value = (await this.client.call<GetResponse<Identity>>("Identity/get", { ids: null })).list;
      this.failure.value = null;
    } catch (error) {
      this.failure.value = explain(error);
    }
  }

  /** Makes or changes one; gives what the server has against it, or null. */
  async save(form: IdentityForm, id: Id | null): Promise<Refusal | null> {
    const body = bodyOf(form, id === null);
    const change = id === null ? { create: { new: body } } : { update: { [id]: body } };
    return this.set(change, (answer) => (id === null ? answer.notCreated?.["new"] : answer.notUpdated?.[id]));
  }
  async remove(id: Id): Promise<Refusal | null> {
    return this.set({ destroy: [id] }, (answer) => answer.notDestroyed?.[id]);
  }

  private async set(change: Readonly<Record<string, unknown>>, errorOf: (answer: SetAnswer) => Parameters<typeof refusalOf>[0]): Promise<Refusal | null> {
    try {
      const refusal = refusalOf(errorOf(await this.client.call<SetAnswer>("Identity/set", change)));
      if (refusal === null) await this.load();
      return refusal;
    } catch (error) {
      return { text: explain(error), properties: [] };
    }
  }
}
