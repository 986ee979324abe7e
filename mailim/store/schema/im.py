"""Rosters, subscription requests, offline stanzas and the archives' pointers."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text

from mailim.store.schema.columns import Id, flag, metadata, number, octets, reference, row_id, text

roster_state = Table(
    "roster_state",
    metadata,
    reference("account_id", "account.id", primary_key=True),
    number("version"),
    number("forgotten"),  # tombstones up to this version are gone
)

roster_item = Table(
    "roster_item",
    metadata,
    reference("account_id", "account.id", primary_key=True),
    Column("jid", Text, primary_key=True),
    text("name"),
    text("subscription"),
    flag("ask"),
    flag("approved"),
    text("groups"),  # a JSON array
    number("version"),
    flag("removed"),
    sqlite_with_rowid=False,
)

roster_changes = Index(
    "ix_roster_item_account_id_version", roster_item.c.account_id, roster_item.c.version
)

roster_request = Table(
    "roster_request",
    metadata,
    reference("account_id", "account.id", primary_key=True),
    Column("jid", Text, primary_key=True),
    octets("stanza"),
)

offline_stanza = Table(
    "offline_stanza",
    metadata,
    row_id(),
    reference("account_id", "account.id"),
    number("seq"),
    number("time"),
    octets("stanza"),
    sqlite_autoincrement=True,  # ids are given out, and removed by later
)

offline_of_account = Index(
    "ix_offline_stanza_account_id_id", offline_stanza.c.account_id, offline_stanza.c.id
)

offline_by_time = Index("ix_offline_stanza_time", offline_stanza.c.time)

archive_entry = Table(
    "archive_entry",
    metadata,
    reference("account_id", "account.id", primary_key=True),
    Column("seq", Id, primary_key=True, autoincrement=False),
    number("time"),
    text("peer"),  # full JID
    text("bare_peer"),
    sqlite_with_rowid=False,
)

# Counting and paging a conversation reads nothing but this.
archive_of_peer = Index(
    "ix_archive_entry_account_id_bare_peer_seq",
    archive_entry.c.account_id,
    archive_entry.c.bare_peer,
    archive_entry.c.seq,
    archive_entry.c.time,
    archive_entry.c.peer,
)
