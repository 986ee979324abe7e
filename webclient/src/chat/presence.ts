/**
 * What the presences of somebody's clients mean together.
 *
 * The resource of the highest priority speaks for the person (RFC 6121 §4.7.2.3).
 * Among equals "do not disturb" wins, because somebody has said so somewhere;
 * then whoever is most available.
 */
import type { Presence, Show } from "./index.js";

/** One client's presence; kept by resource. */
export interface ResourcePresence {
  readonly show: Exclude<Show, "offline">;
  readonly status?: string | undefined;
  readonly priority: number;
}

const RANK: Readonly<Record<ResourcePresence["show"], number>> = { dnd: 5, chat: 4, online: 3, away: 2, xa: 1 };

/** One presence for all of somebody's resources; offline, with the last status text, when there is none. */
export function aggregate(resources: Iterable<ResourcePresence>, farewell?: string): Presence {
  let best: ResourcePresence | null = null;
  for (const item of resources) {
    if (!best || item.priority > best.priority || (item.priority === best.priority && RANK[item.show] > RANK[best.show])) best = item;
  }
  if (!best) return { show: "offline", status: farewell };
  return { show: best.show, status: best.status };
}

/** The presences of all contacts, by bare JID and resource. */
export class PresenceTable {
  private readonly people = new Map<string, Map<string, ResourcePresence>>();
  private readonly farewells = new Map<string, string>();

  /** Takes in one presence stanza's content; `null` is unavailable. */
  set(bare: string, resource: string, presence: ResourcePresence | null, farewell?: string): void {
    const resources = this.people.get(bare);
    if (presence) {
      this.farewells.delete(bare);
      if (resources) resources.set(resource, presence);
      else this.people.set(bare, new Map([[resource, presence]]));
      return;
    }
    if (farewell) this.farewells.set(bare, farewell);
    // Unavailable from the bare address speaks for all of them (RFC 6121 §4.5.4).
    if (resource) resources?.delete(resource);
    if (!resource || resources?.size === 0) this.people.delete(bare);
  }

  /** The presence of a person, offline if none is known. */
  of(bare: string): Presence {
    return aggregate(this.people.get(bare)?.values() ?? [], this.farewells.get(bare));
  }

  clear(): void {
    this.people.clear();
    this.farewells.clear();
  }
}
