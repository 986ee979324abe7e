/** Namespaces of the XMPP extensions that are spoken here. */
export const NS = {
  client: "jabber:client",
  roster: "jabber:iq:roster",
  stanzas: "urn:ietf:params:xml:ns:xmpp-stanzas",
  ping: "urn:xmpp:ping", // XEP-0199
  carbons: "urn:xmpp:carbons:2", // XEP-0280
  forward: "urn:xmpp:forward:0", // XEP-0297
  delay: "urn:xmpp:delay", // XEP-0203
  mam: "urn:xmpp:mam:2", // XEP-0313
  rsm: "http://jabber.org/protocol/rsm", // XEP-0059
  forms: "jabber:x:data", // XEP-0004
  sid: "urn:xmpp:sid:0", // XEP-0359
  states: "http://jabber.org/protocol/chatstates", // XEP-0085
  receipts: "urn:xmpp:receipts", // XEP-0184
  idle: "urn:xmpp:idle:1", // XEP-0319
  disco: "http://jabber.org/protocol/disco#info", // XEP-0030
  version: "jabber:iq:version", // XEP-0092
  management: "urn:xmpp:sm:3", // XEP-0198
} as const;
