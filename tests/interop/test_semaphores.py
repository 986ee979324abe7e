"""Scripts and programs send instant messages to real clients of a server in its own process."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.fakes.site import DOMAIN, RunningSite
from tests.interop.xmpp_office import PASSWORD, Person, XmppCase, played

# What the manual tells programs to do, as a shell script does it. It waits for its standard
# input to end in the middle.
SCRIPT = r"""
set -e
cd "$1"
: > "IM-$2.LCK"
printf 'To: %s\r\nFrom: %s\r\n' "$3" "$4" > "IM-$2.SEM"
cat > /dev/null
printf '\r\nThe alarm in the store room went off\r\nGr\374\337e\r\n' >> "IM-$2.SEM"
rm "IM-$2.LCK"
"""
TEXT = "The alarm in the store room went off\nGrüße"


async def ran(*words: str) -> str:
    """Run a program to its end, with nothing to read; gives what it printed."""

    def run() -> str:
        return subprocess.run(
            words, capture_output=True, text=True, timeout=120, check=True,
            stdin=subprocess.DEVNULL,
        ).stdout  # fmt: skip

    return await asyncio.to_thread(run)


class FolderCase(XmppCase):
    """People, and scripts that write into the folder of their server."""

    @property
    def folder(self) -> Path:
        return self.site.var / "WorldClient"

    def words(self, number: str, to: str) -> tuple[str, ...]:
        """Give what runs a script that sends a message."""
        return ("/bin/sh", "-c", SCRIPT, "sh", str(self.folder), number, to, "alarm.test")

    async def script(self, number: str, to: str) -> float:
        """Let a script send a message; gives when it was done."""
        await ran(*self.words(number, to))
        return time.monotonic()

    async def gone(self, *names: str) -> None:
        await self.until(lambda: not any((self.folder / name).exists() for name in names))


class SemaphoreTests(FolderCase):
    @played
    async def test_a_script_reaches_who_is_there_once_and_soon(self) -> None:
        name = self.account("bob")
        (bob,) = await self.signed_in(name)
        done = await self.script("0001", bob.boundjid.bare)
        message = await bob.next("message")
        took = time.monotonic() - done
        self.assertEqual((message["type"], message["body"]), ("headline", TEXT))
        self.assertEqual(message["from"].full, "alarm.test")
        self.assertLess(took, 15.0, "one second, and what a busy machine adds")
        await self.gone("IM-0001.SEM", "IM-0001.LCK")
        await asyncio.sleep(2)
        await bob.settle()
        self.assertTrue(bob.nothing("message"))
        (leaf,) = self.recorded(to=bob.boundjid.bare, kind="message")
        self.assertEqual(leaf["details"]["origin"], "semaphore")

    @played
    async def test_nothing_while_it_is_locked(self) -> None:
        name = self.account("bob")
        (bob,) = await self.signed_in(name)
        writing = subprocess.Popen(self.words("7", bob.boundjid.bare), stdin=subprocess.PIPE)
        try:
            await self.until(lambda: (self.folder / "IM-7.SEM").exists())
            await asyncio.sleep(3.5)
            self.assertTrue((self.folder / "IM-7.SEM").exists())
            self.assertTrue(bob.nothing("message"))
        finally:
            await asyncio.to_thread(writing.communicate, b"")
        self.assertEqual((await bob.next("message"))["body"], TEXT)

    @played
    async def test_who_is_away_gets_it_at_the_next_sign_in(self) -> None:
        name = self.account("bob")
        await self.script("8", f"{name}@{DOMAIN}")
        await self.gone("IM-8.SEM")
        await self.until(lambda: self.recorded(to=f"{name}@{DOMAIN}", kind="message"))
        bob = await self.person(name).sign_in()
        message = await bob.next("message")
        self.assertEqual((message["type"], message["body"]), ("chat", TEXT))
        self.assertTrue(message["delay"]["stamp"])
        await bob.leave()
        again = await self.person(name).sign_in()
        await again.settle()
        self.assertTrue(again.nothing("message"))

    @played
    async def test_what_is_wrong_goes_to_bad(self) -> None:
        await self.script("9", f"nobody@{DOMAIN}")
        (self.folder / "IM-10.SEM").symlink_to("/etc/passwd")
        await self.gone("IM-9.SEM", "IM-10.SEM")
        bad = self.folder / "bad"
        await self.until(lambda: len(list(bad.glob("*.txt"))) >= 2)
        reasons = " ".join(path.read_text() for path in bad.glob("*.txt"))
        self.assertIn("nobody here has this address", reasons)
        self.assertIn("no regular file", reasons)

    @played
    async def test_curl(self) -> None:
        curl = shutil.which("curl")
        if curl is None:
            raise self.skipTest("curl is not installed")
        name = self.account("bob")
        (bob,) = await self.signed_in(name)
        made = json.loads(self.site.command("--json", "token", "add", name).stdout)
        words = [
            curl, "--silent", "--show-error", "--cacert", str(self.site.ca),
            "--header", f"Authorization: Bearer {made['token']}",
            "--header", "Idempotency-Key: alarm-1",
            "--json", json.dumps({"to": bob.boundjid.bare, "text": TEXT}),
            "--write-out", "\n%{http_code}", f"{self.site.url}/api/im/send",
        ]  # fmt: skip
        for status in ("202", "200"):
            told = await ran(*words)
            self.assertEqual(told.splitlines()[-1:], [status])
            await asyncio.sleep(0.5)
        message = await bob.next("message")
        self.assertEqual((message["type"], message["body"]), ("headline", TEXT))
        self.assertEqual(message["from"].full, DOMAIN)
        await asyncio.sleep(1)
        await bob.settle()
        self.assertTrue(bob.nothing("message"))
        self.assertNotIn(made["token"], self.site.log())


class RestartTests(FolderCase):
    """With a server of its own, that is ended and killed."""

    def setUp(self) -> None:
        self.people: list[Person] = []
        self.site = RunningSite({"admin": PASSWORD})
        self.addCleanup(self.site.stop)

    def put(self, number: int, to: str) -> None:
        """Write a file as a program without locks does: whole at once."""
        place = self.folder / f"part{number}"
        place.write_text(f"To: {to}\nFrom: alarm.test\n\nmessage {number}\n")
        os.utime(place, (time.time() - 10,) * 2)
        place.rename(self.folder / f"IM-{number}.SEM")

    async def heard(self, name: str, count: int) -> list[Any]:
        bob = await self.person(name).sign_in()
        found = [(await bob.next("message"))["body"] for _ in range(count)]
        await asyncio.sleep(1.5)
        await bob.settle()
        self.assertTrue(bob.nothing("message"))
        await bob.leave()
        return found

    @played
    async def test_written_while_nobody_serves(self) -> None:
        name = self.account("bob")
        self.site.end()
        for number in (10, 9):
            self.put(number, f"{name}@{DOMAIN}")
        (self.folder / "IM-11.LCK").touch()
        self.put(11, f"{name}@{DOMAIN}")
        self.site.start()
        await self.gone("IM-9.SEM", "IM-10.SEM")
        self.site.end()
        (self.folder / "IM-11.LCK").unlink()
        self.site.start()
        await self.gone("IM-11.SEM")
        self.assertEqual(await self.heard(name, 3), ["message 9", "message 10", "message 11"])

    @played
    async def test_killed_again_and_again(self) -> None:
        """Each file gives one leaf, and is handed over once, whenever the server dies."""
        name = self.account("bob")
        total = 60
        for number in range(total):
            self.put(number, f"{name}@{DOMAIN}")
            if number % 15 == 14:
                await asyncio.sleep(0.55)
                self.site.end(signal.SIGKILL)
                self.site.start()
        await self.gone(*(f"IM-{number}.SEM" for number in range(total)))
        address = f"{name}@{DOMAIN}"
        await self.until(lambda: len(self.recorded(to=address, kind="message", limit=500)) >= total)
        said = [leaf["body"] for leaf in self.recorded(to=address, kind="message", limit=500)]
        self.assertEqual(sorted(said), sorted(f"message {number}" for number in range(total)))
        self.assertEqual(sorted(await self.heard(name, total)), sorted(said))
