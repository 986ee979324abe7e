"""Namespace names of XMPP, one constant each."""

from __future__ import annotations

from typing import Final

# XML itself
XML: Final = "http://www.w3.org/XML/1998/namespace"
XMLNS: Final = "http://www.w3.org/2000/xmlns/"

# RFC 6120, 6121, 7395: streams, content, negotiation
STREAM: Final = "http://etherx.jabber.org/streams"
CLIENT: Final = "jabber:client"
SERVER: Final = "jabber:server"
FRAMING: Final = "urn:ietf:params:xml:ns:xmpp-framing"
TLS: Final = "urn:ietf:params:xml:ns:xmpp-tls"
SASL: Final = "urn:ietf:params:xml:ns:xmpp-sasl"
BIND: Final = "urn:ietf:params:xml:ns:xmpp-bind"
SESSION: Final = "urn:ietf:params:xml:ns:xmpp-session"
STREAM_ERRORS: Final = "urn:ietf:params:xml:ns:xmpp-streams"
STANZA_ERRORS: Final = "urn:ietf:params:xml:ns:xmpp-stanzas"
ROSTER: Final = "jabber:iq:roster"
ROSTER_VERSIONING: Final = "urn:xmpp:features:rosterver"
PRE_APPROVAL: Final = "urn:xmpp:features:pre-approval"

# Transport and sign-in extensions
DIALBACK: Final = "jabber:server:dialback"  # XEP-0220
DIALBACK_FEATURE: Final = "urn:xmpp:features:dialback"  # XEP-0220
COMPONENT_ACCEPT: Final = "jabber:component:accept"  # XEP-0114
COMPRESS_FEATURE: Final = "http://jabber.org/features/compress"  # XEP-0138
HTTP_BIND: Final = "http://jabber.org/protocol/httpbind"  # XEP-0124
XBOSH: Final = "urn:xmpp:xbosh"  # XEP-0206
STREAM_MANAGEMENT: Final = "urn:xmpp:sm:3"  # XEP-0198
CSI: Final = "urn:xmpp:csi:0"  # XEP-0352
SASL2: Final = "urn:xmpp:sasl:2"  # XEP-0388
BIND2: Final = "urn:xmpp:bind:0"  # XEP-0386
SASL_CHANNEL_BINDING: Final = "urn:xmpp:sasl-cb:0"  # XEP-0440
SASL_UPGRADE: Final = "urn:xmpp:sasl:upgrade:0"  # XEP-0480
FAST: Final = "urn:xmpp:fast:0"  # XEP-0484
STREAM_LIMITS: Final = "urn:xmpp:stream-limits:0"  # XEP-0478
HOST_META: Final = "http://docs.oasis-open.org/ns/xri/xrd-1.0"  # XEP-0156
ALT_CONNECTIONS_WEBSOCKET: Final = "urn:xmpp:alt-connections:websocket"  # XEP-0156
ALT_CONNECTIONS_BOSH: Final = "urn:xmpp:alt-connections:xbosh"  # XEP-0156

# Discovery, information, registration
DISCO_INFO: Final = "http://jabber.org/protocol/disco#info"  # XEP-0030
DISCO_ITEMS: Final = "http://jabber.org/protocol/disco#items"  # XEP-0030
CAPS: Final = "http://jabber.org/protocol/caps"  # XEP-0115
PING: Final = "urn:xmpp:ping"  # XEP-0199
TIME: Final = "urn:xmpp:time"  # XEP-0202
VERSION: Final = "jabber:iq:version"  # XEP-0092
LAST: Final = "jabber:iq:last"  # XEP-0012
AUTH_LEGACY: Final = "jabber:iq:auth"  # XEP-0078
REGISTER: Final = "jabber:iq:register"  # XEP-0077
REGISTER_FEATURE: Final = "http://jabber.org/features/iq-register"  # XEP-0077
PRIVATE: Final = "jabber:iq:private"  # XEP-0049
SEARCH: Final = "jabber:iq:search"  # XEP-0055
OOB_IQ: Final = "jabber:iq:oob"  # XEP-0066
OOB: Final = "jabber:x:oob"  # XEP-0066
EXTERNAL_DISCO: Final = "urn:xmpp:extdisco:2"  # XEP-0215
SERVER_INFO_FORM: Final = "http://jabber.org/network/serverinfo"  # XEP-0157
COMMANDS: Final = "http://jabber.org/protocol/commands"  # XEP-0050
ADMIN: Final = "http://jabber.org/protocol/admin"  # XEP-0133
DATA_FORMS: Final = "jabber:x:data"  # XEP-0004
DATA_VALIDATE: Final = "http://jabber.org/protocol/xdata-validate"  # XEP-0122
DATA_MEDIA: Final = "urn:xmpp:media-element"  # XEP-0221
RSM: Final = "http://jabber.org/protocol/rsm"  # XEP-0059

# Persons
VCARD_TEMP: Final = "vcard-temp"  # XEP-0054
VCARD_UPDATE: Final = "vcard-temp:x:update"  # XEP-0153
VCARD4: Final = "urn:ietf:params:xml:ns:vcard-4.0"  # XEP-0292
AVATAR_DATA: Final = "urn:xmpp:avatar:data"  # XEP-0084
AVATAR_METADATA: Final = "urn:xmpp:avatar:metadata"  # XEP-0084
AVATAR_CONVERSION: Final = "urn:xmpp:pep-vcard-conversion:0"  # XEP-0398
NICK: Final = "http://jabber.org/protocol/nick"  # XEP-0172
IDLE: Final = "urn:xmpp:idle:1"  # XEP-0319
BLOCKING: Final = "urn:xmpp:blocking"  # XEP-0191
BLOCKING_ERRORS: Final = "urn:xmpp:blocking:errors"  # XEP-0191
REPORTING: Final = "urn:xmpp:reporting:1"  # XEP-0377
BOOKMARKS_LEGACY: Final = "storage:bookmarks"  # XEP-0048
BOOKMARKS: Final = "urn:xmpp:bookmarks:1"  # XEP-0402
BOOKMARKS_COMPAT: Final = "urn:xmpp:bookmarks:1#compat"  # XEP-0402
BOOKMARKS_CONVERSION: Final = "urn:xmpp:bookmarks-conversion:0"  # XEP-0411
PUSH: Final = "urn:xmpp:push:0"  # XEP-0357

# Messages
CARBONS: Final = "urn:xmpp:carbons:2"  # XEP-0280
FORWARD: Final = "urn:xmpp:forward:0"  # XEP-0297
DELAY: Final = "urn:xmpp:delay"  # XEP-0203
DELAY_LEGACY: Final = "jabber:x:delay"  # XEP-0091
MAM: Final = "urn:xmpp:mam:2"  # XEP-0313
MAM_EXTENDED: Final = "urn:xmpp:mam:2#extended"  # XEP-0313
STANZA_ID: Final = "urn:xmpp:sid:0"  # XEP-0359
HINTS: Final = "urn:xmpp:hints"  # XEP-0334
CHAT_STATES: Final = "http://jabber.org/protocol/chatstates"  # XEP-0085
RECEIPTS: Final = "urn:xmpp:receipts"  # XEP-0184
CHAT_MARKERS: Final = "urn:xmpp:chat-markers:0"  # XEP-0333
CORRECTION: Final = "urn:xmpp:message-correct:0"  # XEP-0308
ATTENTION: Final = "urn:xmpp:attention:0"  # XEP-0224
REPLY: Final = "urn:xmpp:reply:0"  # XEP-0461
FALLBACK: Final = "urn:xmpp:fallback:0"  # XEP-0428
REACTIONS: Final = "urn:xmpp:reactions:0"  # XEP-0444
RETRACTION: Final = "urn:xmpp:message-retract:1"  # XEP-0424
MODERATION: Final = "urn:xmpp:message-moderate:1"  # XEP-0425
FASTEN: Final = "urn:xmpp:fasten:0"  # XEP-0422
OFFLINE: Final = "http://jabber.org/protocol/offline"  # XEP-0013
OFFLINE_FEATURE: Final = "msgoffline"  # XEP-0160
XHTML_IM: Final = "http://jabber.org/protocol/xhtml-im"  # XEP-0071
XHTML: Final = "http://www.w3.org/1999/xhtml"
ADDRESSES: Final = "http://jabber.org/protocol/address"  # XEP-0033
DISPLAYED_SYNC: Final = "urn:xmpp:mds:displayed:0"  # XEP-0490
ENCRYPTION: Final = "urn:xmpp:eme:0"  # XEP-0380
OMEMO_LEGACY: Final = "eu.siacs.conversations.axolotl"  # XEP-0384 0.3
OMEMO: Final = "urn:xmpp:omemo:2"  # XEP-0384
OPENPGP: Final = "urn:xmpp:openpgp:0"  # XEP-0373
OPENPGP_LEGACY: Final = "jabber:x:encrypted"  # XEP-0027

# Rooms
MUC: Final = "http://jabber.org/protocol/muc"  # XEP-0045
MUC_USER: Final = "http://jabber.org/protocol/muc#user"  # XEP-0045
MUC_ADMIN: Final = "http://jabber.org/protocol/muc#admin"  # XEP-0045
MUC_OWNER: Final = "http://jabber.org/protocol/muc#owner"  # XEP-0045
MUC_ROOM_CONFIG: Final = "http://jabber.org/protocol/muc#roomconfig"  # XEP-0045
MUC_ROOM_INFO: Final = "http://jabber.org/protocol/muc#roominfo"  # XEP-0045
MUC_REQUEST: Final = "http://jabber.org/protocol/muc#request"  # XEP-0045
MUC_UNIQUE: Final = "http://jabber.org/protocol/muc#unique"  # XEP-0307
MUC_SELF_PING: Final = "http://jabber.org/protocol/muc#self-ping-optimization"  # XEP-0410
CONFERENCE: Final = "jabber:x:conference"  # XEP-0249
OCCUPANT_ID: Final = "urn:xmpp:occupant-id:0"  # XEP-0421
CHANNEL_SEARCH: Final = "urn:xmpp:channel-search:0:search"  # XEP-0433
HATS: Final = "urn:xmpp:hats:0"  # XEP-0317

# Publishing
PUBSUB: Final = "http://jabber.org/protocol/pubsub"  # XEP-0060
PUBSUB_EVENT: Final = "http://jabber.org/protocol/pubsub#event"  # XEP-0060
PUBSUB_OWNER: Final = "http://jabber.org/protocol/pubsub#owner"  # XEP-0060
PUBSUB_ERRORS: Final = "http://jabber.org/protocol/pubsub#errors"  # XEP-0060
PUBSUB_NODE_CONFIG: Final = "http://jabber.org/protocol/pubsub#node_config"  # XEP-0060
PUBSUB_PUBLISH_OPTIONS: Final = "http://jabber.org/protocol/pubsub#publish-options"  # XEP-0060

# Files, calls, invitations
HTTP_UPLOAD: Final = "urn:xmpp:http:upload:0"  # XEP-0363
JINGLE_MESSAGE: Final = "urn:xmpp:jingle-message:0"  # XEP-0353
INVITE: Final = "urn:xmpp:invite"  # XEP-0401
PRE_AUTH: Final = "urn:xmpp:pars:0"  # XEP-0379
IBR_TOKEN: Final = "urn:xmpp:ibr-token:0"  # XEP-0445  # noqa: S105
