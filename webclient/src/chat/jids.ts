/** XMPP addresses as texts (RFC 7622); the server has prepared them, so comparing lower case is enough. */

/** user@domain of user@domain/resource, in lower case. */
export function bareOf(jid: string): string {
  const slash = jid.indexOf("/");
  return (slash < 0 ? jid : jid.slice(0, slash)).toLowerCase();
}

export function resourceOf(jid: string): string {
  const slash = jid.indexOf("/");
  return slash < 0 ? "" : jid.slice(slash + 1);
}

/** The characters a JID's local part cannot have, and how they are written there (XEP-0106). */
const ESCAPED: Readonly<Record<string, string>> = { " ": "20", '"': "22", "&": "26", "'": "27", "/": "2f", ":": "3a", "<": "3c", ">": "3e", "@": "40", "\\": "5c" };
const PLAIN: Readonly<Record<string, string>> = Object.fromEntries(Object.entries(ESCAPED).map(([char, code]) => [code, char]));

/** The bare JID of a mail address. */
export function jidOfAddress(address: string): string {
  const at = address.lastIndexOf("@");
  if (at < 0) return address.toLowerCase();
  const local = address.slice(0, at).replace(/[ "&'/:<>@]|\\(?=20|22|26|27|2f|3a|3c|3e|40|5c)/g, (char) => `\\${ESCAPED[char] ?? ""}`);
  return `${local}${address.slice(at)}`.toLowerCase();
}

/** The mail address of a bare JID. */
export function addressOfJid(jid: string): string {
  const at = jid.indexOf("@");
  if (at < 0 || !jid.includes("\\")) return jid;
  return jid.slice(0, at).replace(/\\(20|22|26|27|2f|3a|3c|3e|40|5c)/g, (_whole, code: string) => PLAIN[code] ?? "") + jid.slice(at);
}

/** What comes before the "@", for people without a name; the whole text for a server. */
export function localOf(jid: string): string {
  const address = addressOfJid(jid);
  const at = address.lastIndexOf("@");
  return at < 0 ? address : address.slice(0, at);
}

/** Whether a text can be the address of a person here. */
export function isAddress(text: string): boolean {
  return /^[^\s@]{1,255}@[^\s@/]{1,255}$/.test(text);
}
