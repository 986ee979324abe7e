/** Completion of recipients by the server (`GET /api/people`), with a short memory. */
import { request } from "../core/http.js";

export interface Person {
  readonly name: string;
  readonly email: string;
  readonly kind: "colleague" | "group" | "contact" | "earlier";
}

/** Milliseconds of quiet before the server is asked, and how long an answer is good. */
const QUIET = 90;
const FRESH = 60_000;
const REMEMBERED = 60;
const WANTED = 8;
/** As the server has it. */
const MAX_WORDS = 200;

type Fetcher = (words: string, signal: AbortSignal) => Promise<readonly Person[]>;

async function fetchPeople(words: string, signal: AbortSignal): Promise<readonly Person[]> {
  const query = new URLSearchParams({ q: words.slice(0, MAX_WORDS), limit: String(WANTED) });
  return (await request<{ people: Person[] }>("GET", `/api/people?${query.toString()}`, undefined, signal)).people;
}

const memory = new Map<string, { readonly people: readonly Person[]; readonly until: number }>();

/** Asks for one field; a later question makes an earlier answer come to nothing. */
export class PeopleSearch {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private running: AbortController | null = null;

  constructor(private readonly show: (people: readonly Person[]) => void, private readonly fetcher: Fetcher = fetchPeople) {}

  ask(text: string): void {
    this.cancel();
    const words = text.trim().toLowerCase();
    const known = memory.get(words);
    if (known && known.until > Date.now()) this.show(known.people);
    else this.timer = setTimeout(() => void this.fetch(words), QUIET);
  }
  cancel(): void {
    clearTimeout(this.timer);
    this.running?.abort();
    this.running = null;
  }

  private async fetch(words: string): Promise<void> {
    const mine = (this.running = new AbortController());
    try {
      const people = await this.fetcher(words, mine.signal);
      if (mine.signal.aborted) return;
      memory.delete(words);
      memory.set(words, { people, until: Date.now() + FRESH });
      for (const oldest of [...memory.keys()].slice(0, Math.max(0, memory.size - REMEMBERED))) memory.delete(oldest);
      this.show(people);
    } catch {
      // Without completion one can still write the address.
    }
  }
}
