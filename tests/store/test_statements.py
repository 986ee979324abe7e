"""Statements: Core compiled once, run on the raw cursor."""

from __future__ import annotations

from sqlalchemy import bindparam, select, update
from twisted.trial.unittest import SynchronousTestCase

from mailim.store.schema.accounts import account, domain
from mailim.store.statements import SQLITE, Statement, id_list, insert_into, one_of_ids
from tests.fakes.store import open_transaction


class StatementTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.db = open_transaction(self).accounts._db
        self.add = Statement(insert_into(domain, "id").returning(domain.c.id))
        self.ids = [self.db.value(self.add, name=name, created=7) for name in ("a", "b", "c")]

    def names(self, statement: Statement, **values: object) -> list[str]:
        return [row[0] for row in self.db.all(statement, **values)]

    def test_compiled_once(self) -> None:
        statement = Statement(select(domain.c.name).where(domain.c.id == bindparam("id")))
        self.assertIs(statement.on(SQLITE), statement.on(SQLITE))
        self.assertIn(":id", statement.on(SQLITE).text)
        self.assertEqual(self.names(statement, id=self.ids[1]), ["b"])

    def test_values_in_the_clause_are_parameters(self) -> None:
        hostile = "x' OR '1'='1"
        statement = Statement(select(domain.c.name).where(domain.c.name == hostile))
        self.assertNotIn("OR", statement.on(SQLITE).text)
        self.assertEqual(self.names(statement), [])
        mixed = Statement(
            select(domain.c.name)
            .where(domain.c.created == 7, domain.c.name > bindparam("after"))
            .limit(1)
        )
        self.assertEqual(self.names(mixed, after="a"), ["b"])

    def test_in_a_known_list(self) -> None:
        statement = Statement(select(domain.c.name).where(domain.c.name.in_(["a", "c", "%"])))
        self.assertEqual(self.names(statement), ["a", "c"])
        self.assertEqual(
            self.names(Statement(select(domain.c.name).where(domain.c.id.in_([])))), []
        )

    def test_in_any_number_of_ids(self) -> None:
        statement = Statement(select(domain.c.name).where(one_of_ids(domain.c.id, "ids")))
        self.assertEqual(self.names(statement, ids=id_list(self.ids[1:])), ["b", "c"])
        self.assertEqual(self.names(statement, ids=id_list([])), [])
        self.assertEqual(self.names(statement, ids=id_list(range(100_000))), ["a", "b", "c"])
        rows = self.db.driver.execute(
            f"EXPLAIN QUERY PLAN {statement.on(SQLITE).text}", {"ids": "[]"}
        )
        self.assertIn("SEARCH domain USING INTEGER PRIMARY KEY", " ".join(r[3] for r in rows))

    def test_run_counts_rows(self) -> None:
        change = Statement(
            update(domain).where(domain.c.name == bindparam("old")).values(created=bindparam("at"))
        )
        self.assertEqual(self.db.run(change, old="a", at=9), 1)
        self.assertEqual(self.db.run(change, old="z", at=9), 0)
        self.assertEqual(self.db.run_many(change, [{"old": n, "at": 5} for n in "abz"]), 2)
        raised = Statement(
            update(domain)
            .where(domain.c.name == bindparam("old"))
            .values(created=domain.c.created + 10)
        )
        self.assertEqual(self.db.run_many(raised, [{"old": "a"}, {"old": "b"}]), 2)
        self.assertEqual(self.db.value(Statement(select(domain.c.created))), 15)

    def test_one_and_value(self) -> None:
        nothing = Statement(select(account.c.id, account.c.name))
        self.assertIsNone(self.db.one(nothing))
        self.assertIsNone(self.db.value(nothing))
        everything = Statement(select(domain.c.name, domain.c.created).order_by(domain.c.name))
        self.assertEqual(self.db.one(everything), ("a", 7))
        self.assertEqual(self.db.value(everything), "a")

    def test_repr_shows_the_sql(self) -> None:
        self.assertIn("SELECT domain.name", repr(Statement(select(domain.c.name))))
