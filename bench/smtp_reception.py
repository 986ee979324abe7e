"""A large mail over SMTP into a real site: memory and speed; many small ones: rate.

    python bench/smtp_reception.py [--megabytes 200] [--bdat] [--small 2000]

Prints one line of JSON; exit status 1 if the server's memory grew by 20 MB or more.
"""

from __future__ import annotations

import argparse
import json
import smtplib
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.fakes.site import DOMAIN, RunningSite

MEGABYTE = 1 << 20
BOB = f"bob@{DOMAIN}"
LINE = b"." + b"x" * 61 + b"\r\n"


def watch(site: RunningSite, over: threading.Event, peak: list[int]) -> None:
    while not over.wait(0.02):
        peak[0] = max(peak[0], site.memory())


def envelope(site: RunningSite) -> smtplib.SMTP:
    client = smtplib.SMTP("127.0.0.1", site.ports["smtp"], timeout=600)
    client.ehlo()
    client.mail("carl@example.org")
    client.rcpt(BOB)
    return client


def large(site: RunningSite, megabytes: int, bdat: bool) -> dict[str, Any]:
    """Send one mail; every line of it begins with a dot."""
    client = envelope(site)
    before = site.memory()
    over, peak = threading.Event(), [before]
    watching = threading.Thread(target=watch, args=(site, over, peak))
    watching.start()
    began = time.monotonic()
    header = b"Subject: large\r\n\r\n"
    if bdat:
        block = LINE * (MEGABYTE // len(LINE))
        client.send(b"BDAT %d\r\n%b" % (len(header), header))
        client.getreply()
        for number in range(megabytes):
            last = b" LAST" if number == megabytes - 1 else b""
            client.send(b"BDAT %d%b\r\n%b" % (len(block), last, block))
            reply = client.getreply()
    else:
        client.docmd("DATA")
        client.send(header)
        block = (b"." + LINE) * (MEGABYTE // (len(LINE) + 1))
        for _ in range(megabytes):
            client.send(block)
        client.send(b".\r\n")
        reply = client.getreply()
    seconds = time.monotonic() - began
    over.set()
    watching.join()
    assert reply[0] == 250, reply
    return {
        "grown_mb": round((peak[0] - before) / MEGABYTE, 1),
        "seconds": round(seconds, 2),
        "mb_per_s": round(megabytes / seconds),
    }


def small(site: RunningSite, count: int) -> dict[str, Any]:
    """Send mails of 4 KB over ten connections side by side."""
    text = "Subject: small\r\n\r\n" + ("y" * 70 + "\r\n") * 56

    def bring() -> None:
        client = smtplib.SMTP("127.0.0.1", site.ports["smtp"], timeout=600)
        for _ in range(count // 10):
            client.sendmail("carl@example.org", [BOB], text)
        client.quit()

    began = time.monotonic()
    threads = [threading.Thread(target=bring) for _ in range(10)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return {"mails_per_s": round(count / (time.monotonic() - began))}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--bdat", action="store_true", help="in chunks instead of DATA")
    parser.add_argument("--small", type=int, default=2000)
    options = parser.parse_args()
    changes = {"mail.message_octets": 1 << 30, "smtp.messages_per_connection": 100_000}
    site = RunningSite({"bob": "correct horse battery"}, changes, measured=False)
    try:
        result = small(site, options.small)
        result |= large(site, options.megabytes, options.bdat)
    finally:
        site.stop()
    print(json.dumps(result))
    return int(result["grown_mb"] >= 20)


if __name__ == "__main__":
    sys.exit(main())
