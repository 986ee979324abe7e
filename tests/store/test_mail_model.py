"""The mail repositories against a naive model: random acts, then everything is compared."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailim.errors import NotFound
from mailim.interfaces.items import Changes, ItemQuery
from mailim.store.transaction import Transaction
from tests.fakes.store import open_transaction
from tests.store.mail_model import Model, ModelItem, Replica
from tests.store.mails import add_account, add_item, message

KEYWORDS = ("$seen", "$flagged", "$draft", "work", "home")
WORDS = ("lunch", "invoice", "meeting", "report", "noon")
SENDERS = ("ann@example.org", "zoe@example.org", "carl@example.net")
STEPS = 400
SEEDS = (1, 2, 3) if "MAILIM_SEED" not in os.environ else (int(os.environ["MAILIM_SEED"]),)


class World:
    """An account in the store, and the same in the model."""

    def __init__(self, tx: Transaction, seed: int) -> None:
        self.random = random.Random(seed)
        self.tx = tx
        self.account = add_account(tx).id
        self.stranger = add_account(tx, "eve@example.test").id
        self.model = Model()
        self.serial = 0
        self.ids: list[str] = []
        self.owners: dict[tuple[str, str], int] = {}
        for name, role in (("Inbox", "inbox"), ("Trash", "trash"), ("Work", None)):
            self.model.folders[tx.folders.create(self.account, name, role=role).id] = role
        self.replicas = {name: Replica() for name in ("items", "threads", "folders")}

    def act(self) -> None:
        acts = (self.add, self.add, self.add, self.keywords, self.keywords, self.move, self.remove)
        rare = (self.new_folder, self.delete_folder, self.change_role, self.index)
        self.random.choice(acts if self.random.random() < 0.95 else rare)()

    def folder(self) -> int:
        return self.random.choice(list(self.model.folders))

    def item(self) -> ModelItem | None:
        return self.random.choice(list(self.model.items.values())) if self.model.items else None

    def some_keywords(self) -> frozenset[str]:
        return frozenset(each for each in KEYWORDS if self.random.random() < 0.3)

    def add(self) -> None:
        self.serial += 1
        subject = self.random.choice(WORDS)
        sender = self.random.choice(SENDERS)
        body = " ".join(self.random.choices(WORDS, k=self.random.randint(0, 5)))
        references = tuple(self.random.sample(self.ids, min(len(self.ids), 2)))
        if self.random.random() < 0.4:
            references = ()
        self.ids = [*self.ids[-6:], f"{self.serial}@example.org"]
        written = self.random.choice(("", "Re: ")) + subject
        data = message(
            subject=written,
            sender=sender,
            body=body,
            message_id=self.ids[-1],
            references=references,
        )
        folder, keywords = self.folder(), self.some_keywords()
        received = self.random.randint(0, 40)
        item = add_item(self.tx, folder, data, keywords, received)
        self.check_thread([(each, subject) for each in (self.ids[-1], *references)], item.thread_id)
        self.model.items[item.id] = ModelItem(
            item.id, folder, item.uid, item.size, keywords, received, item.thread_id,
            sender, written, subject, body,
        )  # fmt: skip

    def check_thread(self, keys: list[tuple[str, str]], thread_id: int) -> None:
        """RFC 8621 3: an identifier and the base subject in common with the thread."""
        alive = {each.thread for each in self.model.items.values()}
        owners = {self.owners[key] for key in keys if self.owners.get(key) in alive}
        if owners:
            assert thread_id == min(owners), (keys, thread_id, owners)
        else:
            assert thread_id not in alive, (keys, thread_id)
        for key in keys:
            if self.owners.get(key) not in alive:
                self.owners[key] = thread_id

    def keywords(self) -> None:
        if item := self.item():
            item.keywords = self.some_keywords()
            self.tx.items.set_keywords(self.account, item.id, item.keywords)

    def move(self) -> None:
        if item := self.item():
            item.folder = self.folder()
            item.uid = self.tx.items.move(self.account, item.id, item.folder).uid

    def remove(self) -> None:
        if item := self.item():
            del self.model.items[item.id]
            self.tx.items.remove(self.account, item.id)

    def new_folder(self) -> None:
        self.serial += 1
        created = self.tx.folders.create(self.account, f"Folder {self.serial}")
        self.model.folders[created.id] = None

    def delete_folder(self) -> None:
        plain = [each for each, role in self.model.folders.items() if role is None]
        if len(plain) > 1:
            gone = self.random.choice(plain)
            self.tx.folders.delete(gone, with_items=True)
            del self.model.folders[gone]
            for item in list(self.model.items.values()):
                if item.folder == gone:
                    del self.model.items[item.id]

    def change_role(self) -> None:
        for folder, role in list(self.model.folders.items()):
            if role == "trash":
                self.tx.folders.update(folder, role=None)
                self.model.folders[folder] = None
        plain = [each for each, role in self.model.folders.items() if role is None]
        chosen = self.random.choice(plain)
        self.tx.folders.update(chosen, role="trash")
        self.model.folders[chosen] = "trash"

    def index(self) -> None:
        for body_id in self.tx.search.waiting(0, 1000):
            self.tx.search.add(body_id, self.tx.search.read(body_id))

    # --- random questions -------------------------------------------------------------------

    def condition(self) -> dict[str, Any]:
        pick = self.random.choice
        some: Mapping[str, Callable[[], Any]] = {
            "inMailbox": self.folder,
            "inMailboxOtherThan": lambda: [self.folder(), self.folder()],
            "before": lambda: self.random.randint(0, 40),
            "after": lambda: self.random.randint(0, 40),
            "minSize": lambda: self.random.randint(150, 260),
            "maxSize": lambda: self.random.randint(150, 260),
            "hasKeyword": lambda: pick(KEYWORDS),
            "notKeyword": lambda: pick(KEYWORDS),
            "allInThreadHaveKeyword": lambda: pick(KEYWORDS),
            "someInThreadHaveKeyword": lambda: pick(KEYWORDS),
            "noneInThreadHaveKeyword": lambda: pick(KEYWORDS),
            "subject": lambda: pick(WORDS)[: self.random.randint(2, 5)],
            "from": lambda: pick(SENDERS)[: self.random.randint(2, 9)],
            "body": lambda: pick(WORDS)[: self.random.randint(2, 5)],
            "text": lambda: f"{pick(WORDS)[:3]} {pick(WORDS)[:4]}",
            "header": lambda: ["Subject", pick(WORDS)],
        }
        names = self.random.sample(list(some), self.random.randint(0, 2))
        return {name: some[name]() for name in names}

    def filter(self, depth: int = 0) -> dict[str, Any]:
        if depth > 2 or self.random.random() < 0.6:
            return self.condition()
        below = [self.filter(depth + 1) for _ in range(self.random.randint(0, 3))]
        return {"operator": self.random.choice(("AND", "OR", "NOT")), "conditions": below}

    def sort(self) -> tuple[tuple[str, bool, str | None], ...]:
        names = ("receivedAt", "size", "from", "subject", "hasKeyword", "someInThreadHaveKeyword",
                 "allInThreadHaveKeyword")  # fmt: skip
        chosen = self.random.sample(names, self.random.choice((0, 0, 1, 2)))
        return tuple(
            (name, self.random.random() < 0.5, self.random.choice(KEYWORDS)) for name in chosen
        )


class MailModelTest(SynchronousTestCase):
    """Everything the store answers is what the model answers."""

    def test_random_acts(self) -> None:
        for seed in SEEDS:
            world = World(open_transaction(self), seed)
            for step in range(STEPS):
                world.act()
                if step % 5 == 0:
                    self.check_counts(world, f"seed {seed} step {step}")
                    self.check_query(world, f"seed {seed} step {step}")
                if world.random.random() < 0.1:
                    self.follow(world, world.random.randint(1, 7), disturbed=0.5)
            self.check_counts(world, f"seed {seed} at the end")
            self.check_items(world)
            self.check_replicas(world)
            self.check_holds(world)

    def check_counts(self, world: World, where: str) -> None:
        for folder_id in world.model.folders:
            folder = world.tx.folders.get(folder_id)
            assert folder is not None
            counts = (folder.total, folder.unread, folder.total_threads, folder.unread_threads)
            self.assertEqual(counts, world.model.counts(folder_id), f"{where}: {folder}")

    def check_query(self, world: World, where: str) -> None:
        pick = world.random
        query = ItemQuery(
            world.account,
            filter=world.filter(),
            sort=world.sort(),
            collapse_threads=pick.random() < 0.4,
            position=pick.randint(-20, 20),
            limit=pick.randint(0, 30),
            count=pick.random() < 0.5,
        )
        if pick.random() < 0.3:  # what the listing of a folder asks
            query = ItemQuery(
                world.account,
                {"inMailbox": world.folder()},
                collapse_threads=pick.random() < 0.7,
                count=True,
            )
        whole = world.model.query(query)
        found = world.tx.items.query(query)
        start = query.position if query.position >= 0 else max(0, len(whole) + query.position)
        self.assertEqual(list(found.ids), whole[start : start + query.limit], f"{where}: {query}")
        self.assertEqual(found.total, len(whole) if query.count else None, where)
        threads = [world.model.items[each].thread for each in found.ids]
        self.assertEqual(list(found.thread_ids), threads)
        self.check_anchor(world, query, whole, where)

    def check_anchor(self, world: World, query: ItemQuery, whole: list[int], where: str) -> None:
        anchor = world.random.choice([*world.model.items, 10**9])
        offset = world.random.randint(-5, 5)
        asked = ItemQuery(
            query.account_id, query.filter, query.sort, query.collapse_threads,
            anchor=anchor, anchor_offset=offset, limit=5,
        )  # fmt: skip
        if anchor not in whole:
            self.assertRaises(NotFound, world.tx.items.query, asked)
            return
        start = max(0, whole.index(anchor) + offset)
        found = world.tx.items.query(asked)
        self.assertEqual(found.position, start, f"{where}: {asked}")
        self.assertEqual(list(found.ids), whole[start : start + 5], f"{where}: {asked}")

    def follow(self, world: World, limit: int, disturbed: float = 0.0) -> None:
        """Bring the replicas up to date by /changes alone, in pieces of `limit`.

        `disturbed`: how often something happens between two pieces.
        """
        ask: dict[str, Callable[[int, int, int], Changes]] = {
            "items": world.tx.items.changes,
            "threads": world.tx.items.thread_changes,
            "folders": world.tx.folders.changes,
        }
        for name, replica in world.replicas.items():
            more = True
            while more:
                changes = ask[name](world.account, replica.state, limit)
                self.assertEqual(changes.old, replica.state)
                touched = [*changes.created, *changes.updated, *changes.removed]
                self.assertLessEqual(len(touched), limit)
                self.assertEqual(len(touched), len(set(touched)))
                for each in changes.updated:
                    self.assertIn(each, replica.known, f"{name} updated, never created")
                for each in changes.removed:
                    # RFC 8620 5.2 allows it for what was made and removed between two pieces.
                    replica.known.pop(each, None)
                for each in changes.created:
                    self.assertNotIn(each, replica.known, f"{name} created twice")
                for each in (*changes.created, *changes.updated):
                    replica.known[each] = self.fetched(world, name, each)
                replica.state, more = changes.new, changes.more
                if world.random.random() < disturbed:
                    world.act()
            if not disturbed:
                self.assertEqual(replica.state, world.tx.items.state(world.account))

    def fetched(self, world: World, name: str, each: int) -> Any:
        if name == "items":
            item = world.tx.items.get(world.account, [each]).get(each)
            return item and (item.folder_id, item.uid, item.keywords, item.modseq)
        if name == "threads":
            return world.tx.items.thread(world.account, [each]).get(each)
        return world.tx.folders.get(each)

    def check_replicas(self, world: World) -> None:
        for limit in (3, 1000):
            self.follow(world, limit)
        items = world.tx.items.get(world.account, list(world.model.items))
        self.assertEqual(
            world.replicas["items"].known,
            {i.id: (i.folder_id, i.uid, i.keywords, i.modseq) for i in items.values()},
        )
        threads: dict[int, list[ModelItem]] = {}
        for each in world.model.items.values():
            threads.setdefault(each.thread, []).append(each)
        self.assertEqual(
            world.replicas["threads"].known,
            {
                thread: tuple(i.id for i in sorted(found, key=lambda i: (i.received, i.id)))
                for thread, found in threads.items()
            },
        )
        folders = {each.id: each for each in world.tx.folders.list(world.account)}
        self.assertEqual(world.replicas["folders"].known, folders)

    def check_items(self, world: World) -> None:
        found = world.tx.items.get(world.account, list(world.model.items))
        self.assertEqual(set(found), set(world.model.items))
        for item in found.values():
            model = world.model.items[item.id]
            self.assertEqual(
                (item.folder_id, item.uid, item.keywords, item.received, item.thread_id),
                (model.folder, model.uid, model.keywords, model.received, model.thread),
            )
        self.assertEqual(world.tx.items.get(world.stranger, list(world.model.items)), {})
        query = ItemQuery(world.stranger, {"inMailbox": world.folder()}, count=True)
        self.assertEqual(world.tx.items.query(query).ids, ())

    def check_holds(self, world: World) -> None:
        """What nobody holds any more goes, what somebody holds stays."""
        world.tx.bodies.sweep(100_000)
        for item in world.tx.items.get(world.account, list(world.model.items)).values():
            self.assertTrue(world.tx.bodies.read(item.body_id))
        bodies = {
            i.body_id for i in world.tx.items.get(world.account, [*world.model.items]).values()
        }
        world.tx.accounts.delete(world.account)
        self.assertEqual(world.tx.bodies.sweep(100_000), len(bodies))
