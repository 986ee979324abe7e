/**
 * Sends messages and follows what becomes of them.
 *
 * A server answers a message only if something is wrong. Stanzas are dealt
 * with in order, though (RFC 6120 §10.1), so a ping after a message is answered
 * when the message is on record; an error would have come before. What was on
 * its way when the connection broke is looked for in the archive, and sent
 * again under the same id only if it is not there.
 */
import { t } from "../core/i18n.js";
import type { Conversation } from "./conversation.js";
import type { StanzaFault } from "./reading.js";
import { chatMessage, ping } from "./stanzas.js";
import { conditionOf, type Stream } from "./stream.js";
import { draftEntry, type Entry, unsent } from "./timeline.js";

/** What a refused message means to who wrote it. */
export function faultText({ condition, text }: StanzaFault): string {
  switch (condition) {
    case "resource-constraint":
      return t("It could not be recorded, so it was not delivered.");
    case "service-unavailable":
      return text ? t("Not delivered: {text}", { text }) : t("Not delivered: there is nobody under this address.");
    case "remote-server-not-found":
    case "remote-server-timeout":
      return t("Not delivered: the other server cannot be reached.");
    case "not-authorized":
    case "forbidden":
    case "not-allowed":
    case "policy-violation":
    case "not-acceptable":
      return t("Refused: {text}", { text: text || condition });
    default:
      return t("Not delivered: {text}", { text: text || condition });
  }
}

export class Outbox {
  private stream: Stream | null = null;
  private readonly flying = new Map<string, Conversation>();
  private asking = false;
  private askAgain = false;

  /** `domain` is one's own server. */
  constructor(private readonly domain: string) {}

  /** The connection is there and what was missed is known. `certain`: the archive could be read. */
  ready(stream: Stream, conversations: Iterable<Conversation>, certain: boolean): void {
    this.stream = stream;
    for (const conversation of conversations) {
      for (const entry of unsent(conversation.entries.value)) {
        if (entry.delivery === "waiting" || certain) this.transmit(conversation, entry);
        else if (entry.id !== undefined) {
          conversation.change(entry.id, { delivery: "failed", error: t("The connection broke; it is not known whether this was delivered.") });
        }
      }
    }
  }

  lost(): void {
    this.stream = null;
    this.flying.clear();
    this.askAgain = false;
  }

  send(conversation: Conversation, body: string): void {
    const entry = draftEntry(crypto.randomUUID(), body, Date.now(), "waiting");
    conversation.add(entry);
    conversation.newFrom.value = null;
    if (this.stream) this.transmit(conversation, entry);
  }

  /** Sends a failed message again, as a new one. */
  retry(conversation: Conversation, entry: Entry): void {
    conversation.remove(entry.key);
    this.send(conversation, entry.body);
  }

  /** The server refused a message; true if it was one of these. */
  refused(conversation: Conversation, id: string | undefined, fault: StanzaFault): boolean {
    if (id === undefined || !conversation.entries.value.some((entry) => entry.mine && entry.id === id)) return false;
    this.flying.delete(id);
    conversation.change(id, { delivery: "failed", error: faultText(fault) });
    return true;
  }

  private transmit(conversation: Conversation, entry: Entry): void {
    const { stream } = this;
    const { id } = entry;
    if (!stream || id === undefined) return;
    conversation.change(id, { delivery: "sending", error: undefined });
    this.flying.set(id, conversation);
    stream.send(chatMessage(conversation.jid, id, entry.body)).then(
      () => void this.ask(),
      () => {
        this.flying.delete(id);
        conversation.change(id, { delivery: "waiting" });
      },
    );
  }

  private async ask(): Promise<void> {
    this.askAgain = true;
    if (this.asking) return;
    this.asking = true;
    while (this.askAgain && this.stream) {
      this.askAgain = false;
      const { stream } = this;
      const flying = [...this.flying];
      try {
        await stream.request(ping(this.domain));
      } catch (error) {
        // An error is an answer. Silence is not: the link finds out whether the connection is dead.
        if (!conditionOf(error)) this.askAgain = stream === this.stream;
        if (!conditionOf(error)) continue;
      }
      for (const [id, conversation] of flying) this.recorded(id, conversation);
    }
    this.asking = false;
  }

  private recorded(id: string, conversation: Conversation): void {
    if (!this.flying.delete(id)) return;
    const entry = conversation.entries.value.find((item) => item.mine && item.id === id);
    if (entry?.delivery === "sending") conversation.change(id, { delivery: "recorded" });
  }
}
