/** The contact list and who of it is there (RFC 6121 §2 and §4), as signals. */
import { batch, computed, signal } from "@preact/signals";
import type { Element } from "@xmpp/xml";
import { t } from "../core/i18n.js";
import { presences, type Presence } from "./index.js";
import { addressOfJid, bareOf, localOf } from "./jids.js";
import { PresenceTable } from "./presence.js";
import { readPresence, readRoster, type RosterItem } from "./reading.js";

export interface Group {
  /** "" for contacts in no group. */
  readonly name: string;
  readonly contacts: readonly RosterItem[];
}

/** The group the server fills by itself. */
export const COLLEAGUES = "Colleagues";
/** Milliseconds over which a burst of presences is gathered into one change of the page. */
const GATHER = 30;

/** Contacts by group: colleagues first, then by name, those without a group last. */
export function groupsOf(items: Iterable<RosterItem>, nameOf: (item: RosterItem) => string): Group[] {
  const groups = new Map<string, RosterItem[]>();
  for (const item of items) {
    for (const name of item.groups.length ? item.groups : [""]) {
      const list = groups.get(name);
      if (list) list.push(item);
      else groups.set(name, [item]);
    }
  }
  const place = (name: string): number => (name === COLLEAGUES ? 0 : name === "" ? 2 : 1);
  const sorted = [...groups].sort(([a], [b]) => place(a) - place(b) || a.localeCompare(b));
  return sorted.map(([name, contacts]) => ({ name, contacts: contacts.sort((a, b) => nameOf(a).localeCompare(nameOf(b))) }));
}

export class Roster {
  /** By bare JID. */
  readonly items = signal<ReadonlyMap<string, RosterItem>>(new Map());
  /** False until the first answer. */
  readonly loaded = signal(false);
  /** Who asks to see one's presence and has no answer yet. */
  readonly requests = signal<readonly string[]>([]);
  readonly groups = computed(() => groupsOf(this.items.value.values(), (item) => this.nameOf(item.jid)));
  version: string | undefined;
  private readonly table = new PresenceTable();
  private own = "";
  private ownPresence: Presence = { show: "offline" };
  private online = false;
  private gathering: ReturnType<typeof setTimeout> | undefined;

  /** What a person is called: the name in the roster, else what stands before the "@". */
  nameOf(jid: string): string {
    const name = this.items.value.get(jid)?.name.trim();
    return name ? name : localOf(jid);
  }

  /** Whether one sees somebody's presence at all. */
  sees(jid: string): boolean {
    const kind = this.items.value.get(jid)?.subscription;
    return kind === "to" || kind === "both";
  }

  /** Whether somebody may know that one is there; a receipt tells it too (XEP-0184 §8). */
  isSeenBy(jid: string): boolean {
    const kind = this.items.value.get(jid)?.subscription;
    return kind === "from" || kind === "both";
  }

  /** The whole list; an answer without a query means that the known version still holds (RFC 6121 §2.6.2). */
  answer(iq: Element): void {
    const read = readRoster(iq);
    batch(() => {
      if (read) {
        this.items.value = new Map(read.items.map((item) => [item.jid, item]));
        this.version = read.ver;
      }
      this.loaded.value = true;
      this.online = true;
    });
    this.gather();
  }

  /** A change, pushed by one's own server. */
  push(iq: Element): void {
    const read = readRoster(iq);
    if (!read) return;
    const items = new Map(this.items.value);
    for (const item of read.items) items.set(item.jid, item);
    for (const jid of read.removed) items.delete(jid);
    batch(() => {
      this.items.value = items;
      // Answered on another device of one's own.
      for (const item of read.items) if (item.subscription === "from" || item.subscription === "both") this.settle(item.jid);
    });
    if (read.ver !== undefined) this.version = read.ver;
    this.gather();
  }

  /** Available or unavailable. */
  presence(stanza: Element): void {
    const { bare, resource, presence, status } = readPresence(stanza);
    if (!bare || bare === this.own) return;
    this.table.set(bare, resource, presence, status);
    this.gather();
  }

  /** Somebody asks for one's presence; true if that is new. */
  ask(jid: string): boolean {
    const bare = bareOf(jid);
    if (this.requests.value.includes(bare)) return false;
    this.requests.value = [...this.requests.value, bare];
    return true;
  }

  /** A request has its answer. */
  settle(jid: string): void {
    if (this.requests.value.includes(jid)) this.requests.value = this.requests.value.filter((item) => item !== jid);
  }

  /** One's own presence, for the dot beside oneself. */
  setOwn(jid: string, presence: Presence): void {
    this.own = jid;
    this.ownPresence = presence;
    this.gather();
  }

  /** The stream is gone, or one has gone offline: nothing is known of others. */
  forgetPresences(online: boolean): void {
    this.online = online;
    this.table.clear();
    this.gather();
  }

  private gather(): void {
    this.gathering ??= setTimeout(() => {
      this.gathering = undefined;
      this.publish();
    }, GATHER);
  }

  private publish(): void {
    const all = new Map<string, Presence>();
    if (this.online) {
      const shown = this.ownPresence.show !== "offline";
      for (const item of this.items.value.values()) {
        if (shown && (item.subscription === "to" || item.subscription === "both")) all.set(addressOfJid(item.jid), this.table.of(item.jid));
      }
      if (this.own) all.set(addressOfJid(this.own), this.ownPresence);
    }
    presences.value = all;
  }
}

/** The name of a group for people. */
export function groupTitle(name: string): string {
  if (name === COLLEAGUES) return t("Colleagues");
  return name || t("Other contacts");
}
