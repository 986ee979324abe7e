/** What one does with contacts: add, rename, remove, and answer those who ask (RFC 6121 §2 and §3). */
import { t } from "../core/i18n.js";
import { toast, toastError } from "../ui/toast.js";
import { addressOfJid, bareOf, jidOfAddress } from "./jids.js";
import type { StanzaFault } from "./reading.js";
import type { Roster } from "./roster.js";
import { rosterRemove, rosterSet, subscription } from "./stanzas.js";
import { conditionOf, type Stream, textOf } from "./stream.js";

/** Why the server refused something about a contact, for people. */
export function contactFault({ condition, text }: Pick<StanzaFault, "condition" | "text">): string {
  switch (condition) {
    case "item-not-found":
      return t("There is nobody under this address.");
    case "remote-server-not-found":
      return t("That domain cannot be reached from here.");
    case "jid-malformed":
      return t("This is not an address.");
    case "":
      return t("The server did not answer.");
    default:
      return text || condition;
  }
}

function faultOf(error: unknown): string {
  return contactFault({ condition: conditionOf(error), text: textOf(error) });
}

export class Contacts {
  private stream: Stream | null = null;
  /** Addresses whose request has been sent and may still be refused. */
  private readonly asked = new Set<string>();

  constructor(private readonly roster: Roster) {}

  ready(stream: Stream): void {
    this.stream = stream;
  }

  lost(): void {
    this.stream = null;
    this.asked.clear();
  }

  /** Adds somebody, asks to see their presence and lets them see one's own; gives a complaint, or null when the server took it. */
  async add(address: string, name: string): Promise<string | null> {
    const { stream } = this;
    if (!stream) return t("There is no connection to the chat server.");
    const jid = jidOfAddress(address);
    if (jid === bareOf(stream.jid)) return t("This is your own address.");
    try {
      await stream.request(rosterSet(jid, name, []));
      this.asked.add(jid);
      await stream.send(subscription(jid, "subscribe", `add-${crypto.randomUUID()}`));
      await stream.send(subscription(jid, "subscribed")); // approved beforehand (RFC 6121 §3.4): who asks may be asked
      return null;
    } catch (error) {
      return faultOf(error);
    }
  }

  /** A subscription stanza came back with an error: takes the contact off again. */
  refused(from: string, fault: StanzaFault): void {
    const jid = bareOf(from);
    if (!this.asked.delete(jid)) return;
    toastError(`${addressOfJid(jid)}: ${contactFault(fault)}`);
    this.stream?.request(rosterRemove(jid)).catch(() => undefined);
  }

  async rename(jid: string, name: string): Promise<void> {
    const groups = this.roster.items.value.get(jid)?.groups ?? [];
    await this.attempt((stream) => stream.request(rosterSet(jid, name, groups)), t("The name could not be changed."));
  }

  async remove(jid: string): Promise<void> {
    await this.attempt((stream) => stream.request(rosterRemove(jid)), t("The contact could not be removed."));
  }

  /** Lets somebody see one's presence, and asks for theirs in return. */
  async accept(jid: string): Promise<void> {
    await this.attempt(async (stream) => {
      await stream.send(subscription(jid, "subscribed"));
      if (!this.roster.sees(jid)) await stream.send(subscription(jid, "subscribe"));
      this.roster.settle(jid);
    }, t("The answer could not be sent."));
  }

  async decline(jid: string): Promise<void> {
    await this.attempt(async (stream) => {
      await stream.send(subscription(jid, "unsubscribed"));
      this.roster.settle(jid);
    }, t("The answer could not be sent."));
  }

  /** Somebody asks, agrees, or ends it. */
  told(from: string, type: string): void {
    const jid = bareOf(from);
    const name = this.roster.nameOf(jid);
    if (type === "subscribe" && this.roster.ask(jid)) toast({ text: t("{name} wants to see when you are there.", { name }), seconds: 8 });
    if (type === "subscribed" && this.asked.delete(jid)) toast({ text: t("{name} is a contact now.", { name }) });
    if (type === "unsubscribe") this.roster.settle(jid);
  }

  private async attempt(run: (stream: Stream) => Promise<unknown>, failed: string): Promise<void> {
    const { stream } = this;
    if (!stream) {
      toastError(t("There is no connection to the chat server."));
      return;
    }
    try {
      await run(stream);
    } catch (error) {
      toastError(`${failed} ${faultOf(error)}`);
    }
  }
}
