/** Chat as a whole: puts stream, roster, conversations and the page together. */
import { batch, computed, effect, signal } from "@preact/signals";
import type { Element } from "@xmpp/xml";
import { request, sessionExpired } from "../core/http.js";
import { t } from "../core/i18n.js";
import { leaving } from "../core/leaving.js";
import { navigate, route } from "../core/router.js";
import { settings, type Session } from "../core/session.js";
import { taken } from "../compose/index.js";
import { hasDrawer, isPhone } from "../shell/layout.js";
import { showCard, systemNotice } from "../ui/cards.js";
import { bell } from "../ui/sound.js";
import { Archive } from "./archive.js";
import { Backoff } from "./backoff.js";
import { Contacts } from "./contacts.js";
import { Conversation } from "./conversation.js";
import { History } from "./history.js";
import { chatUnread } from "./index.js";
import { addressOfJid, bareOf, jidOfAddress } from "./jids.js";
import { Link, type ChatToken } from "./link.js";
import { Memory } from "./memory.js";
import { NS } from "./ns.js";
import { Outbox } from "./outbox.js";
import { OwnPresenceKeeper } from "./own-presence.js";
import { isCarbon, readCarbon, readFault, readMessage, type ReadMessage } from "./reading.js";
import { Roster } from "./roster.js";
import { enableCarbons, presence, receipt, rosterGet } from "./stanzas.js";
import { openStream, type Stream } from "./stream.js";
import { entryOf, type Entries, type Entry } from "./timeline.js";
import { Windows } from "./windows.js";

const SUBSCRIPTIONS = new Set(["subscribe", "subscribed", "unsubscribe", "unsubscribed"]);

/** Seconds that an announcement stays in the corner. */
const ANNOUNCED = 30;
/** Announcements that were missed and are shown when one comes back. */
const MISSED_SHOWN = 3;

/** Pixels beside the folders, which the dock leaves free. */
function roomForDock(): number {
  const sidebar = Number.parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--sidebar"));
  // Letters being written stand at the lower edge, too.
  return (hasDrawer.peek() || Number.isNaN(sidebar) ? innerWidth : innerWidth - sidebar) - taken.value;
}

/** What a server, a filter or an administrator says: a headline (RFC 6121 §5.2.2), or the chat message a server keeps in its place for who is away. */
function isAnnouncement(jid: string, entry: Entry): boolean {
  return entry.headline || (!jid.includes("@") && !entry.mine);
}

export class Chat {
  readonly roster = new Roster();
  readonly contacts = new Contacts(this.roster);
  readonly windows = new Windows(roomForDock);
  readonly outbox: Outbox;
  readonly link: Link;
  readonly own: OwnPresenceKeeper;
  /** One's bare JID. */
  readonly self: string;
  /** By bare JID of the other side. */
  readonly conversations = signal<ReadonlyMap<string, Conversation>>(new Map());
  /** Those with something in them, the latest first. */
  readonly recent = computed(() => {
    const some = [...this.conversations.value.values()].filter((item) => item.last.value !== undefined);
    return some.sort((a, b) => (b.last.value?.time ?? 0) - (a.last.value?.time ?? 0));
  });
  private readonly memory: Memory;
  private readonly history: History;
  private readonly focused = signal(document.hasFocus() && document.visibilityState === "visible");
  /** Takes a toast about a conversation away again, by bare JID. */
  private readonly notices = new Map<string, () => void>();
  private stream: Stream | null = null;
  private archive: Archive | null = null;

  constructor(session: Session) {
    this.self = jidOfAddress(session.jid);
    this.memory = new Memory(this.self);
    this.own = new OwnPresenceKeeper(this.memory, Math.max(1, session.idle_minutes) * 60_000);
    this.outbox = new Outbox(session.domain);
    this.history = new History({
      conversation: (jid) => this.conversation(jid),
      all: () => this.conversations.value.values(),
      readUpTo: (jid) => this.memory.readUpTo(jid),
      onMissed: (conversation, missed) => this.missed(conversation, missed),
    });
    this.link = new Link({
      backoff: new Backoff(),
      version: session.version,
      token: () => request<ChatToken>("POST", "/api/chat-token", {}),
      open: openStream,
      onStanza: (stanza) => this.take(stanza),
      onOnline: (stream) => void this.online(stream),
      onOffline: () => this.offline(),
    });
  }

  start(): void {
    this.own.start();
    const look = (): void => void (this.focused.value = document.hasFocus() && document.visibilityState === "visible");
    addEventListener("focus", look);
    addEventListener("blur", look);
    document.addEventListener("visibilitychange", look);
    effect(() => this.tellPresence());
    effect(() => this.readWhatIsSeen());
    effect(() => {
      let sum = 0;
      for (const conversation of this.conversations.value.values()) sum += conversation.unread.value;
      chatUnread.value = sum;
    });
    // Signed out in another tab: chat ends with the session.
    effect(() => {
      if (sessionExpired.value) this.link.stop(t("You have been signed out."));
    });
    this.link.start();
    effect(() => (leaving.value ? this.link.leave() : this.link.hasten()));
  }

  // --- for the views ---------------------------------------------------------

  /** The conversation with somebody; made when there is none yet. */
  readonly conversation = (jid: string): Conversation => {
    const known = this.conversations.peek().get(jid);
    if (known) return known;
    const made = new Conversation(jid);
    this.conversations.value = new Map(this.conversations.peek()).set(jid, made);
    return made;
  };

  /** Opens a conversation where there is room for it. */
  readonly open = (address: string): void => {
    if (isPhone.value || route.value.page === "chat") navigate({ page: "chat", jid: address.toLowerCase() });
    else this.windows.open(jidOfAddress(address));
  };

  /** Fetches older messages of a conversation; nothing without a connection. */
  async older(conversation: Conversation): Promise<void> {
    if (!this.archive) return;
    try {
      await this.history.older(this.archive, conversation);
    } catch (error) {
      console.error(error);
    }
  }

  /** Sends a stanza that may get lost, such as that one is typing. */
  whisper(stanza: Element): void {
    this.stream?.send(stanza).catch(() => undefined);
  }

  /** Whether messages that are not sent yet would be lost with the page. */
  hasUnsent(): boolean {
    for (const { entries } of this.conversations.value.values()) {
      if (entries.value.some((entry) => entry.delivery === "waiting")) return true;
    }
    return false;
  }

  // --- the connection --------------------------------------------------------

  private async online(stream: Stream): Promise<void> {
    const archive = new Archive(stream, this.self);
    this.stream = stream;
    this.archive = archive;
    this.contacts.ready(stream);
    try {
      this.roster.answer(await stream.request(rosterGet(this.roster.version)));
    } catch (error) {
      console.error(error);
    }
    if (stream !== this.stream) return;
    stream.request(enableCarbons()).catch((error: unknown) => console.error(error));
    this.tellPresence();
    const certain = await this.catchUp(archive);
    if (stream === this.stream) this.outbox.ready(stream, this.conversations.value.values(), certain);
  }

  /** Fetches what was missed; false if the archive could not be read. */
  private async catchUp(archive: Archive): Promise<boolean> {
    try {
      await this.history.catchUp(archive);
      return true;
    } catch (error) {
      console.error(error);
      return false;
    }
  }

  private offline(): void {
    this.stream = null;
    this.archive = null;
    this.told = "";
    batch(() => {
      this.outbox.lost();
      this.contacts.lost();
      this.roster.requests.value = [];
      this.roster.forgetPresences(false);
      for (const conversation of this.conversations.value.values()) conversation.setTyping(false);
    });
  }

  private told = "";

  /** Sends one's presence if it is another than the server knows. */
  private tellPresence(): void {
    const own = this.own.sent.value;
    if (!this.roster.loaded.value || this.link.state.value.phase !== "online" || !this.stream) return;
    const stanza = presence(own);
    if (this.told === stanza.toString()) return;
    const before = this.told;
    this.told = stanza.toString();
    this.roster.setOwn(this.self, this.own.shown.value);
    if (own.show === "offline" && before) this.roster.forgetPresences(true);
    if (own.show !== "offline" || before) this.whisper(stanza);
    // What was kept is handed to one of several clients that come back; the others find it in the archive.
    if (own.show !== "offline" && before.includes("unavailable") && this.archive) void this.catchUp(this.archive);
  }

  // --- what arrives ----------------------------------------------------------

  private take(stanza: Element): void {
    if (stanza.name === "message") this.takeMessage(stanza);
    else if (stanza.name === "presence") this.takePresence(stanza);
    else if (stanza.attrs["type"] === "set" && stanza.getChild("query", NS.roster) && bareOf(stanza.attrs["from"] ?? this.self) === this.self) this.roster.push(stanza);
  }

  private takePresence(stanza: Element): void {
    const from = stanza.attrs["from"] ?? "";
    const type = stanza.attrs["type"];
    if (type === undefined || type === "unavailable") this.roster.presence(stanza);
    else if (SUBSCRIPTIONS.has(type)) this.contacts.told(from, type);
    else if (type === "error") this.contacts.refused(from, readFault(stanza));
  }

  private takeMessage(stanza: Element): void {
    if (this.archive?.take(stanza)) return;
    const copied = isCarbon(stanza);
    const message = copied ? readCarbon(stanza, this.self, Date.now()) : readMessage(stanza, this.self, Date.now());
    if (message) this.receive(message, copied);
  }

  private receive(message: ReadMessage, copied: boolean): void {
    const known = this.conversations.value.get(message.peer);
    if (message.error) {
      if (known) this.outbox.refused(known, message.id, message.error);
      return;
    }
    this.history.note(message);
    if (message.receiptFor !== undefined && !message.mine) known?.receipt(message.receiptFor);
    if (message.state && !message.mine) known?.setTyping(message.state === "composing");
    const entry = entryOf(message, false);
    if (!entry) return;
    const conversation = this.conversation(message.peer);
    const fresh = conversation.add(entry);
    if (message.mine) {
      conversation.unread.value = 0; // read and answered on another device
      return;
    }
    conversation.setTyping(false);
    if (fresh && message.wantsReceipt && message.id !== undefined && !copied && this.roster.isSeenBy(message.peer)) {
      this.whisper(receipt(message.from, message.id, crypto.randomUUID()));
    }
    if (fresh) this.announce(conversation, conversation.entries.value.find((item) => item.key === entry.key) ?? entry);
  }

  // --- unread and read -------------------------------------------------------

  /** Whether somebody looks at a conversation now. */
  private isSeen(jid: string): boolean {
    if (!this.focused.value) return false;
    const here = route.value;
    if (here.page === "chat") return here.jid !== undefined && jidOfAddress(here.jid) === jid;
    return !isPhone.value && this.windows.arranged.value.shown.some((item) => item.jid === jid && !item.folded);
  }

  private readWhatIsSeen(): void {
    for (const conversation of this.conversations.value.values()) {
      if (!this.isSeen(conversation.jid)) continue;
      conversation.unread.value = 0;
      this.notices.get(conversation.jid)?.();
      this.notices.delete(conversation.jid);
      const mark = conversation.entries.value.findLast((entry) => entry.archiveId !== undefined)?.archiveId;
      if (mark !== undefined) this.memory.markRead(conversation.jid, mark);
    }
  }

  private announce(conversation: Conversation, entry: Entry): void {
    const name = this.roster.nameOf(conversation.jid);
    const quiet = this.own.chosen.value.show === "dnd";
    const open = (): void => this.open(addressOfJid(conversation.jid));
    const here = route.value;
    if (!this.isSeen(conversation.jid)) {
      conversation.countUnread([entry]);
      if (!quiet) {
        bell.ring();
        if (settings.value.notifications) systemNotice(`chat-${conversation.jid}`, name, entry.body, open);
      }
      if (!isPhone.value && here.page !== "chat") this.windows.hint(conversation.jid);
      const inList = here.page === "chat" && here.jid === undefined;
      if (isAnnouncement(conversation.jid, entry) || (isPhone.value && !inList && !entry.late && !quiet)) this.popUp(conversation, entry);
    } else if (entry.headline) this.popUp(conversation, entry);
  }

  /** Shows a message in the corner of the page; one card for each conversation, for each announcement its own. */
  private popUp(conversation: Conversation, entry: Entry): void {
    const { jid } = conversation;
    const said = isAnnouncement(jid, entry);
    const close = showCard({
      tag: said ? `announcement-${entry.key}` : `chat-${jid}`,
      kind: said ? "announcement" : "chat",
      name: this.roster.nameOf(jid),
      address: addressOfJid(jid),
      title: entry.subject,
      text: entry.body,
      seconds: said ? ANNOUNCED : 6,
      open: () => this.open(addressOfJid(jid)),
    });
    const before = this.notices.get(jid);
    this.notices.set(jid, () => {
      before?.();
      close();
    });
  }

  /** Messages that came while one was not connected. */
  private missed(conversation: Conversation, missed: Entries): void {
    if (this.isSeen(conversation.jid)) return;
    conversation.countUnread(missed);
    for (const entry of missed.filter((item) => isAnnouncement(conversation.jid, item)).slice(-MISSED_SHOWN)) this.popUp(conversation, entry);
    if (!isPhone.value) this.windows.hint(conversation.jid);
  }
}
