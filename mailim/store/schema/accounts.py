"""Domains, accounts and what they sign in with; aliases, groups, web sessions."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text

from mailim.store.schema.columns import (
    flag,
    metadata,
    number,
    octets,
    reference,
    row_id,
    text,
)

domain = Table("domain", metadata, row_id(), text("name", unique=True), number("created"))

account = Table(
    "account",
    metadata,
    row_id(),
    reference("domain_id", "domain.id", ondelete="RESTRICT", index=True),
    text("address", unique=True),
    text("name"),
    flag("admin"),
    flag("enabled"),
    flag("published"),
    number("created"),
    number("last_login", nullable=True),
    text("settings"),  # a JSON object
    sqlite_autoincrement=True,  # the record and the logs name accounts for ever
)

credential = Table(
    "credential",
    metadata,
    reference("account_id", "account.id", primary_key=True),
    Column("kind", Text, primary_key=True),
    text("data"),  # a JSON object
)

alias = Table(
    "alias",
    metadata,
    Column("address", Text, primary_key=True),
    reference("domain_id", "domain.id", ondelete="RESTRICT", index=True),
    text("target"),
)

address_group = Table(
    "address_group",
    metadata,
    row_id(),
    text("address", unique=True),
    reference("domain_id", "domain.id", ondelete="RESTRICT", index=True),
    text("name"),
)

group_member = Table(
    "group_member",
    metadata,
    reference("group_id", "address_group.id", primary_key=True),
    Column("member", Text, primary_key=True),
)

web_session = Table(
    "web_session",
    metadata,
    octets("token_hash", primary_key=True),
    reference("account_id", "account.id", index=True),
    number("created"),
    number("last_seen"),
    number("expires", index=True),
    text("peer"),
    text("agent"),
)

account_listing = Index("ix_account_domain_id_address", account.c.domain_id, account.c.address)
