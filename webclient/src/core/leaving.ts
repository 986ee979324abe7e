/**
 * The end of a page that signs out: what it asks of the server ends first.
 *
 * A request that reaches the server after its session has ended is refused, and a
 * stream that the server ends is opened again; neither is wanted by a page that is on
 * its way out. So while `leaving` is true no request begins, streams are closed, and
 * `leave` waits for what is under way. Should the page stay after all (its user was
 * asked whether to leave, and would not), everything goes on where it stood.
 */
import { signal } from "@preact/signals";

/** True from the decision to sign out on. */
export const leaving = signal(false);

/** Milliseconds that requests under way get to end, and after which a page still here is one that stays. */
const PATIENCE = 2_000;
const STAYED = 10_000;

const underWay = new Set<Promise<unknown>>();

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function whenStaying(): Promise<void> {
  return new Promise((resolve) => {
    const stop = leaving.subscribe((value) => {
      if (value) return;
      resolve();
      queueMicrotask(() => stop());
    });
  });
}

/** `fetch` for this page's own requests: held back while the page is being left. */
export async function send(url: string, init?: RequestInit): Promise<Response> {
  while (leaving.peek()) await whenStaying();
  init?.signal?.throwIfAborted();
  const answer = fetch(url, init);
  underWay.add(answer);
  try {
    return await answer;
  } finally {
    underWay.delete(answer);
  }
}

/** Waits for `work`, lets requests and streams end, then calls `go`, which asks the browser for another page. */
export async function leave(go: () => void, work: Promise<unknown> = Promise.resolve()): Promise<void> {
  if (leaving.peek()) return;
  await Promise.race([Promise.allSettled([work]), pause(PATIENCE)]);
  if (leaving.peek()) return; // asked for twice
  leaving.value = true;
  await Promise.race([Promise.allSettled([...underWay]), pause(PATIENCE)]);
  go();
  await pause(STAYED);
  leaving.value = false;
}
