/**
 * Where the user is, kept in the fragment of the address so that Back, reload
 * and bookmarks work and the server needs to know one page only.
 *
 *   #/mail/<folder>[/<email>]      folder: an id, or a role such as "inbox"
 *   #/search/<words>[/<email>]
 *   #/chat[/<jid>]   #/contacts   #/more   #/settings[/<page>]
 */
import { signal } from "@preact/signals";

export type Route =
  | { readonly page: "mail"; readonly folder: string; readonly email?: string | undefined }
  | { readonly page: "search"; readonly words: string; readonly email?: string | undefined }
  | { readonly page: "chat"; readonly jid?: string | undefined }
  | { readonly page: "contacts" }
  | { readonly page: "more" }
  | { readonly page: "settings"; readonly section: string };

const START: Route = { page: "mail", folder: "inbox", email: undefined };

function decode(part: string | undefined): string | undefined {
  if (!part) return undefined;
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined; // a hand-made address with a broken escape: as if it were not there
  }
}

/** Reads a fragment (with or without "#"); whatever it does not know leads to the inbox. */
export function parseRoute(hash: string): Route {
  const [page, first, second] = hash.replace(/^#?\/?/, "").split("/");
  switch (page) {
    case "mail":
      return { page, folder: decode(first) ?? "inbox", email: decode(second) };
    case "search": {
      const words = decode(first);
      return words ? { page, words, email: decode(second) } : START;
    }
    case "chat":
      return { page, jid: decode(first) };
    case "contacts":
    case "more":
      return { page };
    case "settings":
      return { page, section: decode(first) ?? "general" };
    default:
      return START;
  }
}

/** The fragment, with "#", that leads to a route. */
export function hrefOf(route: Route): string {
  const parts: (string | undefined)[] = [route.page];
  if (route.page === "mail") parts.push(route.folder, route.email);
  if (route.page === "search") parts.push(route.words, route.email);
  if (route.page === "chat") parts.push(route.jid);
  if (route.page === "settings" && route.section !== "general") parts.push(route.section);
  return `#/${parts.filter((part) => part !== undefined).map(encodeURIComponent).join("/")}`;
}

/** The route in force. */
export const route = signal<Route>(START);

/** Goes to a route; `replace` leaves no entry in the history. */
export function navigate(to: Route, replace = false): void {
  const href = hrefOf(to);
  if (location.hash === href) return;
  if (replace) history.replaceState(null, "", href);
  else history.pushState(null, "", href);
  route.value = to;
}

/** Starts following the address bar; returns the function that stops it. */
export function startRouter(): () => void {
  const read = (): void => {
    route.value = parseRoute(location.hash);
  };
  read();
  addEventListener("hashchange", read);
  addEventListener("popstate", read);
  return () => {
    removeEventListener("hashchange", read);
    removeEventListener("popstate", read);
  };
}
