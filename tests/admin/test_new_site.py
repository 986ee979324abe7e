"""`mailim init`: a site that loads, private files, nothing overwritten."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailim.admin.new_site import NewSite, dns_records, generated_password, make
from mailim.config import load
from mailim.errors import AlreadyExists, Invalid
from mailim.tls import Certificates


class NewSiteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())

    def test_the_site_loads_and_its_certificate_works(self) -> None:
        site = load(make(NewSite(self.directory, "Office.Test", 10000, "127.0.0.1")))
        self.assertEqual(site.config.server.domain, "office.test")
        self.assertEqual(site.config.server.listen, ("127.0.0.1",))
        self.assertEqual(site.config.port("https"), 10443)
        Certificates(site.path(site.config.tls.certificate), site.path(site.config.tls.key))
        self.assertEqual(site.var, self.directory.absolute() / "var")

    def test_only_a_site_on_standard_ports_writes_to_the_world(self) -> None:
        for base, sends in ((0, True), (10000, False)):
            site = load(make(NewSite(self.directory / str(base), "office.test", base)))
            self.assertEqual(site.config.relay.enabled, sends)

    def test_secrets_are_private(self) -> None:
        make(NewSite(self.directory, "office.test"))
        for name in ("etc/record.key", "etc/secret.key", "etc/tls/key.pem"):
            self.assertEqual((self.directory / name).stat().st_mode & 0o777, 0o600, name)

    def test_nothing_is_overwritten(self) -> None:
        (self.directory / "etc").mkdir(parents=True)
        (self.directory / "etc" / "record.key").write_text("precious")
        self.assertRaises(AlreadyExists, make, NewSite(self.directory, "office.test"))
        self.assertEqual(
            [path.name for path in self.directory.rglob("*") if path.is_file()], ["record.key"]
        )
        self.assertEqual((self.directory / "etc" / "record.key").read_text(), "precious")

    def test_a_bad_domain_makes_nothing(self) -> None:
        self.assertRaises(Invalid, make, NewSite(self.directory, "..", 0))
        self.assertFalse(self.directory.exists())

    def test_dns_records_name_host_and_ports(self) -> None:
        text = "\n".join(dns_records("mail.office.test", "office.test"))
        self.assertIn("_xmpp-client._tcp.office.test.   SRV 0 5 5222 mail.office.test.", text)
        self.assertIn("_xmpps-client._tcp.office.test.  SRV 0 5 5223", text)
        self.assertIn("_submissions._tcp.office.test.   SRV 0 1 465 mail.office.test.", text)
        self.assertIn("_submission._tcp.office.test.    SRV 0 2 587 mail.office.test.", text)
        self.assertRegex(text, r"(?m)^office\.test\. +MX 10 mail\.office\.test\.$")

    def test_passwords_differ(self) -> None:
        self.assertNotEqual(generated_password(), generated_password())
        self.assertEqual(len(generated_password()), 19)
