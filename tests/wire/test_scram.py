"""SCRAM: RFC 5802 and RFC 7677, with scramp as the other side."""

from __future__ import annotations

import hashlib
import hmac
import time
from base64 import b64decode, b64encode
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from scramp import ScramClient as OracleClient
from scramp import ScramException, ScramMechanism
from twisted.trial.unittest import SynchronousTestCase

from mailim.wire.saslprep import PreparationError
from mailim.wire.scram import (
    MECHANISMS,
    ClientFirst,
    ScramError,
    ScramExchange,
    ScramKeys,
    derive_keys,
    fake_keys,
    parse_client_first,
    password_matches,
)
from mailim.wire.scram_client import ScramClient
from tests.wire.memory import growth

SALT = b"0123456789abcdef"
ROUNDS = 4096
NONCE = "server-nonce-3rfcNHYJY1ZVvWVs7j"
BINDINGS = {"tls-server-end-point": b"\x01" * 32, "tls-exporter": b"\x02" * 32}
CONDITIONS = {"not-authorized", "malformed-request", "invalid-authzid"}
KEYS = {name: derive_keys("pencil", name, SALT, ROUNDS) for name in MECHANISMS}
NAMES = [name + plus for name in MECHANISMS for plus in ("", "-PLUS")]


def exchange(
    first: bytes,
    mechanism: str = "SCRAM-SHA-1",
    *,
    keys: ScramKeys | None = None,
    nonce: str = NONCE,
    plus: bool = False,
) -> ScramExchange:
    client_first = parse_client_first(first, mechanism)
    keys = keys or KEYS[mechanism.removesuffix("-PLUS")]
    return ScramExchange(client_first, keys, nonce, BINDINGS if plus else {}, plus)


class VectorTests(SynchronousTestCase):
    def check(self, mechanism: str, salt: str, nonce: str, messages: list[bytes]) -> None:
        first, challenge, final, outcome = messages
        keys = derive_keys("pencil", mechanism, b64decode(salt), 4096)
        server = exchange(first, mechanism, keys=keys, nonce=nonce)
        self.assertEqual("user", server.client_first.username)
        self.assertEqual(challenge, server.server_first())
        self.assertEqual(outcome, server.finish(final))
        client = ScramClient(mechanism, "user", "pencil", server.client_first.nonce)
        self.assertEqual(first, client.first())
        self.assertEqual(final, client.final(challenge))
        client.verify(outcome)

    def test_rfc_5802_section_5(self) -> None:
        self.check(
            "SCRAM-SHA-1",
            "QSXCR+Q6sek8bf92",
            "3rfcNHYJY1ZVvWVs7j",
            [
                b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
                b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
                b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
                b"p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
                b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
            ],
        )

    def test_rfc_7677_section_3(self) -> None:
        self.check(
            "SCRAM-SHA-256",
            "W22ZaJ0SNY7soEsUEjb6gQ==",
            "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
            [
                b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
                b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                b"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
                b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
                b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
            ],
        )


class OracleTests(SynchronousTestCase):
    """The other side is somebody else's code."""

    def log_in(self, name: str, username: str, password: str, keys: ScramKeys) -> ClientFirst:
        plus = name.endswith("-PLUS")
        binding = ("tls-server-end-point", BINDINGS["tls-server-end-point"]) if plus else None
        client = OracleClient([name], username, password, channel_binding=binding)
        server = exchange(client.get_client_first().encode(), name, keys=keys, plus=plus)
        client.set_server_first(server.server_first().decode())
        client.set_server_final(server.finish(client.get_client_final().encode()).decode())
        return server.client_first

    def test_their_client(self) -> None:
        for name in NAMES:
            for username, password in [
                ("alice", "pencil"),
                ("a=b,c=2C", "with, = and spaces "),
                ("jürgen", "Paßwort \u2168 \u00aa"),
                ("\u05d0\u05d1", "\u0627\u0644"),
            ]:
                keys = derive_keys(password, name.removesuffix("-PLUS"), SALT, ROUNDS)
                self.assertEqual(username, self.log_in(name, username, password, keys).username)
                for wrong in ["pencil2", "Pencil"]:
                    error = self.assertRaises(ScramError, self.log_in, name, username, wrong, keys)
                    self.assertEqual("not-authorized", error.sasl_condition)

    def test_their_client_sends_y(self) -> None:
        # It could bind, but picked a mechanism without: fine when no -PLUS was offered ...
        for offered in (False, True):
            client = OracleClient(
                ["SCRAM-SHA-1"], "a", "pencil", ("tls-server-end-point", b"x" * 32)
            )
            first = parse_client_first(client.get_client_first().encode(), "SCRAM-SHA-1")
            self.assertEqual("y", first.flag)
            arguments = (first, KEYS["SCRAM-SHA-1"], NONCE, BINDINGS, offered)
            if offered:  # ... a downgrade otherwise (RFC 5802 section 6)
                error = self.assertRaises(ScramError, ScramExchange, *arguments)
                self.assertEqual("not-authorized", error.sasl_condition)
                continue
            server = ScramExchange(*arguments)
            client.set_server_first(server.server_first().decode())
            client.set_server_final(server.finish(client.get_client_final().encode()).decode())

    def test_their_server(self) -> None:
        for name in NAMES:
            plus = name.endswith("-PLUS")
            binding = "tls-server-end-point" if plus else ""
            mechanism = ScramMechanism(name)
            info = mechanism.make_auth_info("pencil", salt=SALT)
            asked: list[str] = []
            server = mechanism.make_server(
                lambda user, info=info, asked=asked: asked.append(user) or info,
                channel_binding=(binding, BINDINGS[binding]) if plus else None,
            )
            client = ScramClient(
                name, "al=i,ce", "pencil", "abc",
                binding=binding, binding_data=BINDINGS.get(binding, b""),
            )  # fmt: skip
            server.set_client_first(client.first().decode())
            self.assertEqual(["al=i,ce"], asked)
            final = client.final(server.get_server_first().encode())
            server.set_client_final(final.decode())
            client.verify(server.get_server_final().encode())

    def test_their_keys(self) -> None:
        for name in MECHANISMS:
            salt, stored, server, rounds = ScramMechanism(name).make_auth_info("pencil", 5000)
            self.assertEqual(
                ScramKeys(name, salt, 5000, stored, server),
                derive_keys("pencil", name, salt, rounds),
            )


class BindingTests(SynchronousTestCase):
    def client(self, binding: str, data: bytes) -> ScramClient:
        return ScramClient(
            "SCRAM-SHA-256-PLUS", "a", "pencil", "abc", binding=binding, binding_data=data
        )

    def test_each_binding(self) -> None:
        for binding, data in BINDINGS.items():
            client = self.client(binding, data)
            server = exchange(client.first(), "SCRAM-SHA-256-PLUS", plus=True)
            self.assertEqual(binding, server.client_first.binding)
            client.verify(server.finish(client.final(server.server_first())))

    def test_another_connection(self) -> None:
        client = self.client("tls-exporter", b"\x03" * 32)
        server = exchange(client.first(), "SCRAM-SHA-256-PLUS", plus=True)
        final = client.final(server.server_first())
        error = self.assertRaises(ScramError, server.finish, final)
        self.assertEqual("not-authorized", error.sasl_condition)

    def test_unknown_binding(self) -> None:
        first = self.client("tls-unique", b"x").first()
        error = self.assertRaises(ScramError, exchange, first, "SCRAM-SHA-256-PLUS", plus=True)
        self.assertEqual("malformed-request", error.sasl_condition)

    def test_flag_and_mechanism_agree(self) -> None:
        for first, mechanism in [
            (b"n,,n=a,r=b", "SCRAM-SHA-1-PLUS"),
            (b"y,,n=a,r=b", "SCRAM-SHA-1-PLUS"),
            (b"p=tls-exporter,,n=a,r=b", "SCRAM-SHA-1"),
        ]:
            error = self.assertRaises(ScramError, parse_client_first, first, mechanism)
            self.assertEqual("malformed-request", error.sasl_condition)

    def test_y_of_our_client(self) -> None:
        client = ScramClient("SCRAM-SHA-1", "a", "pencil", "abc", saw_plus=False)
        self.assertTrue(client.first().startswith(b"y,,"))
        server = exchange(client.first())
        client.verify(server.finish(client.final(server.server_first())))


class ParsingTests(SynchronousTestCase):
    def test_first_message(self) -> None:
        self.assertEqual(
            ClientFirst(
                username="us=er,é",
                authzid="ot=her,",
                nonce="a!~b",
                flag="p",
                binding="tls-exporter",
                gs2_header=b"p=tls-exporter,a=ot=3Dher=2C,",
                bare="n=us=3Der=2Cé,r=a!~b,x=ext=1".encode(),
            ),
            parse_client_first(
                "p=tls-exporter,a=ot=3Dher=2C,n=us=3Der=2Cé,r=a!~b,x=ext=1".encode()
            ),
        )

    def test_malformed_first_messages(self) -> None:
        for data in [
            b"", b"n", b"n,", b"n,,", b"n,,n=a", b"n,,n=,r=b", b"n,,n=a,r=", b"n,,r=b,n=a",
            b"n,,m=ext,n=a,r=b", b"n,,n=a,r=b c", b"n,,n=a,r=b\x7f", "n,,n=a,r=é".encode(),
            b"n,,n=a=,r=b", b"n,,n=a=2c,r=b", b"n,,n=a=2,r=b", b"n,,n=a\x00,r=b", b"n,a=,n=a,r=b",
            b"n,b=c,n=a,r=b", b"x,,n=a,r=b", b"N,,n=a,r=b", b"p,,n=a,r=b", b"p=,,n=a,r=b",
            b"p=a_b,,n=a,r=b", b"n,,n=\xff,r=b", b"n,,n=a,r=b,", b"n,,n=a,r=b,x", b"n,,n=a,r=b,x=",
            b"n,,n=a,r=b,1=c", b"n,,n=a,r=b\n", b" n,,n=a,r=b", b"n,,n=a,r=" + b"b" * 5000,
        ]:  # fmt: skip
            error = self.assertRaises(ScramError, parse_client_first, data)
            self.assertEqual("malformed-request", error.sasl_condition, data)
        error = self.assertRaises(ScramError, parse_client_first, b"n,a=b=,n=a,r=b")
        self.assertEqual("invalid-authzid", error.sasl_condition)

    def test_malformed_final_messages(self) -> None:
        client = ScramClient("SCRAM-SHA-1", "a", "pencil", "abc")
        final = client.final(exchange(client.first()).server_first())
        bare, _, proof = final.rpartition(b",p=")
        for data in [
            b"", bare, bare + b",p=", bare + b",p=!", bare + b",p=" + proof + b",x=y",
            bare + b",p=" + proof.rstrip(b"="), bare + b",p=" + proof + b"=", b"m=x," + final,
            final + b"\n", final.replace(b"c=", b"c=\xff"), final.replace(b"c=biws", b"c="),
            final.replace(b",r=", b",q="), bare + b",x=," + b"p=" + proof, final + b"A" * 5000,
        ]:  # fmt: skip
            error = self.assertRaises(ScramError, exchange(client.first()).finish, data)
            self.assertEqual("malformed-request", error.sasl_condition, data)
        exchange(client.first()).finish(final)

    def test_proof_of_another_length(self) -> None:
        client = ScramClient("SCRAM-SHA-1", "a", "pencil", "abc")
        final = client.final(exchange(client.first()).server_first())
        bare, _, proof = final.rpartition(b",p=")
        raw = b64decode(proof)
        for wrong in [raw[:-1], raw + b"\0", raw + raw, raw[:1], b"\0" * 64]:
            data = bare + b",p=" + b64encode(wrong)
            error = self.assertRaises(ScramError, exchange(client.first()).finish, data)
            self.assertEqual("not-authorized", error.sasl_condition)

    def test_the_nonce_must_be_ours_even_with_the_right_password(self) -> None:
        for nonce, good in [(f"abc{NONCE}", True), (f"abc{NONCE}x", False), ("abc", False)]:
            server = exchange(b"n,,n=a,r=abc")
            bare = f"c=biws,r={nonce}".encode()
            message = b",".join([b"n=a,r=abc", server.server_first(), bare])
            salted = hashlib.pbkdf2_hmac("sha1", b"pencil", SALT, ROUNDS)
            client_key = hmac.digest(salted, b"Client Key", "sha1")
            signature = hmac.digest(KEYS["SCRAM-SHA-1"].stored_key, message, "sha1")
            proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
            final = bare + b",p=" + b64encode(proof)
            if good:
                server.finish(final)
                continue
            error = self.assertRaises(ScramError, server.finish, final)
            self.assertEqual("not-authorized", error.sasl_condition)

    def test_an_exchange_ends(self) -> None:
        client = ScramClient("SCRAM-SHA-1", "a", "pencil", "abc")
        server = exchange(client.first())
        final = client.final(server.server_first())
        server.finish(final)
        self.assertRaises(ScramError, server.finish, final)
        guess = exchange(client.first())
        self.assertRaises(ScramError, guess.finish, final[:-3] + b"AA=")
        self.assertRaises(ScramError, guess.finish, final)

    def test_server_nonce_must_be_usable(self) -> None:
        first = parse_client_first(b"n,,n=a,r=b")
        for nonce in ["", "a,b", "a b", "é", "a\n"]:
            self.assertRaises(
                ValueError, ScramExchange, first, KEYS["SCRAM-SHA-1"], nonce, {}, False
            )

    @given(st.binary(max_size=60) | st.text(st.sampled_from("npy,=ar2CDb xé")).map(str.encode))
    @settings(deadline=None, max_examples=500)
    def test_garbage(self, data: bytes) -> None:
        calls: list[Callable[[bytes], object]] = [
            parse_client_first,
            exchange(b"n,,n=a,r=b").finish,
        ]
        for call in calls:
            try:
                call(data)
            except ScramError as error:
                self.assertIn(error.sasl_condition, CONDITIONS)


class TamperingTests(SynchronousTestCase):
    """Whoever changes any byte on the way, the exchange fails."""

    def finals(self, name: str) -> tuple[ScramClient, bytes, bytes]:
        plus = name.endswith("-PLUS")
        client = ScramClient(
            name, "user", "pencil", "abcdef", authzid="other",
            binding="tls-exporter" if plus else "",
            binding_data=BINDINGS["tls-exporter"] if plus else b"",
        )  # fmt: skip
        server = exchange(client.first(), name, plus=plus)
        return client, server.server_first(), client.final(server.server_first())

    def changed(self, data: bytes) -> list[bytes]:
        found = []
        for at in range(len(data)):
            for byte in (data[at] ^ 1, data[at] ^ 0x20, ord("A"), ord(","), ord("="), 0):
                if byte != data[at]:
                    found.append(data[:at] + bytes([byte]) + data[at + 1 :])
            found.append(data[:at] + data[at + 1 :])
            found.append(data[:at] + data[at : at + 1] + data[at:])
        return [each for each in found if each != data]

    def test_first_message(self) -> None:
        for name in NAMES:
            client, _, final = self.finals(name)
            for first in self.changed(client.first()):
                with self.assertRaises(ScramError, msg=repr(first)):
                    exchange(first, name, plus=name.endswith("-PLUS")).finish(final)

    def test_final_message(self) -> None:
        for name in NAMES:
            client, _, final = self.finals(name)
            for wrong in self.changed(final):
                server = exchange(client.first(), name, plus=name.endswith("-PLUS"))
                with self.assertRaises(ScramError, msg=repr(wrong)):
                    server.finish(wrong)

    def test_challenge_and_outcome(self) -> None:
        name = "SCRAM-SHA-256"
        client, challenge, _ = self.finals(name)
        for wrong in self.changed(challenge):
            if b"i=" in wrong and len(wrong.rpartition(b"i=")[2]) > 4:
                continue  # only slow
            server = exchange(client.first(), name)
            with self.assertRaises(ScramError, msg=repr(wrong)):
                server.finish(client.final(wrong))
        server = exchange(client.first(), name)
        outcome = server.finish(client.final(challenge))
        for wrong in self.changed(outcome):
            self.assertRaises(ScramError, client.verify, wrong)
        client.verify(outcome)

    def test_client_refuses_foolish_challenges(self) -> None:
        for challenge in [
            b"", b"r=abc,s=QUJD,i=4096", b"r=xyz,s=QUJD,i=4096", b"r=abcd,s=QUJD,i=4095",
            b"r=abcd,s=QUJD,i=1", b"r=abcd,s=QUJD,i=99999999", b"r=abcd,s=QUJD,i=1000001",
            b"r=abcd,s=!,i=4096", b"m=x,r=abcd,s=QUJD,i=4096", b"e=other-error", b"\xff",
            b"r=abcd,s=QUJD,i=" + b"9" * 5000,
        ]:  # fmt: skip
            client = ScramClient("SCRAM-SHA-1", "a", "pencil", "abc")
            self.assertRaises(ScramError, client.final, challenge)
            self.assertRaises(ScramError, client.verify, b"")


class KeyTests(SynchronousTestCase):
    def test_password_matches(self) -> None:
        for keys in KEYS.values():
            self.assertTrue(password_matches(keys, "pencil"))
            self.assertTrue(password_matches(keys, "pen\u00adcil"))  # SASLprep
            for wrong in ["", "pencil ", "Pencil", "pencil\0", "\x00", "\ud800", "x" * 10_000]:
                self.assertFalse(password_matches(keys, wrong))

    def test_refused_passwords(self) -> None:
        for password in [
            "",
            "\u00ad",
            "a\x00",
            "a\x7f",
            "\ue000",
            "\u05d0a",
            "\U0001f600",
            "\ud800",
        ]:
            self.assertRaises(PreparationError, derive_keys, password, "SCRAM-SHA-1", SALT, ROUNDS)

    def test_unknown_mechanism(self) -> None:
        for name in ["SCRAM-SHA-1-PLUS", "SCRAM-MD5", "", "PLAIN"]:
            self.assertRaises(ValueError, derive_keys, "pencil", name, SALT, ROUNDS)

    def test_secrets_are_not_shown(self) -> None:
        text = repr(KEYS["SCRAM-SHA-1"])
        self.assertNotIn("stored_key", text)
        self.assertNotIn("server_key", text)

    def test_fake_keys(self) -> None:
        fakes = [
            fake_keys(secret, name, mechanism, ROUNDS)
            for secret in (b"one", b"two")
            for name in ("alice", "bob", "\ud800")
            for mechanism in MECHANISMS
        ]
        self.assertEqual(len(fakes), len({keys.salt for keys in fakes}))
        self.assertEqual(len(fakes), len({keys.stored_key for keys in fakes}))
        for keys in fakes:
            real = KEYS[keys.mechanism]
            for field in ("salt", "stored_key", "server_key"):
                self.assertEqual(len(getattr(real, field)), len(getattr(keys, field)))
            self.assertEqual(real.iterations, keys.iterations)
            self.assertFalse(password_matches(keys, "pencil"))
        self.assertEqual(fakes[0], fake_keys(b"one", "alice", MECHANISMS[0], ROUNDS))

    def test_unknown_account_looks_like_a_wrong_password(self) -> None:
        outcomes = []
        for keys in (KEYS["SCRAM-SHA-256"], fake_keys(b"s", "user", "SCRAM-SHA-256", ROUNDS)):
            client = ScramClient("SCRAM-SHA-256", "user", "wrong", "abc")
            server = exchange(client.first(), "SCRAM-SHA-256", keys=keys)
            challenge = server.server_first()
            error = self.assertRaises(ScramError, server.finish, client.final(challenge))
            outcomes.append((error.sasl_condition, error.text, len(challenge)))
        self.assertEqual(outcomes[0], outcomes[1])


class AbuseTests(SynchronousTestCase):
    def test_bad_messages_leave_nothing_and_cost_little(self) -> None:
        firsts = [b"n,,n=a,r=" + b"b" * 4000, b"n,,n=" + b"=2C" * 1300, b"n,," + b"x=y," * 1000]

        def attempt() -> None:
            for first in firsts:
                try:
                    server = exchange(first)
                    server.finish(b"c=" + b"A" * 2000 + b",r=" + b"x=," * 500 + b",p=AAAA")
                except ScramError:
                    pass

        begin = time.process_time()
        objects, process = growth(attempt, 10_000)
        self.assertLess(objects, 1024 * 1024)
        self.assertLess(process, 5 * 1024 * 1024)
        self.assertLess(time.process_time() - begin, 30)

    def test_oracle_refuses_what_we_refuse(self) -> None:
        server = ScramMechanism("SCRAM-SHA-1").make_server(lambda _: None)
        self.assertRaises(ScramException, server.set_client_first, "n,,n=a=2,r=b")
