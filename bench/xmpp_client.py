"""A small XMPP client for load: asyncio, STARTTLS, SASL PLAIN; it looks for bytes only."""

from __future__ import annotations

import asyncio
import base64
import ssl

STREAM = (
    "<stream:stream to='{domain}' version='1.0' xmlns='jabber:client'"
    " xmlns:stream='http://etherx.jabber.org/streams'>"
)
BIND = (
    "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
    "<resource>{resource}</resource></bind></iq>"
)


class Client:
    """One connection; `buffer` holds what was read and not yet asked for."""

    def __init__(self, port: int, domain: str, name: str, password: str, resource: str) -> None:
        self.jid = f"{name}@{domain}/{resource}"
        self._port, self._domain, self._resource = port, domain, resource
        self._plain = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
        self.buffer = b""
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def sign_in(self) -> None:
        """Go from nothing to an available resource."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._open()
        await self.until(b"</stream:features>")
        self.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        await self.until(b"<proceed", b">")
        await self.writer.start_tls(context)
        self._open()
        await self.until(b"</stream:features>")
        self.send(
            f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{self._plain}</auth>"
        )
        await self.until(b"<success", b">")
        self._open()
        await self.until(b"</stream:features>")
        self.send(BIND.format(resource=self._resource))
        await self.until(b"</iq>")
        self.send("<presence/>")

    def _open(self) -> None:
        self.buffer = b""
        self.send(STREAM.format(domain=self._domain))

    def send(self, text: str) -> None:
        """Write."""
        self.writer.write(text.encode())

    async def until(self, *marks: bytes) -> bytes:
        """Read up to the last of these marks, which follow each other; gives what was read."""
        start = 0
        for mark in marks:
            while (place := self.buffer.find(mark, start)) < 0:
                data = await self.reader.read(65536)
                if not data:
                    raise ConnectionError(f"{self.jid} was cut off: {self.buffer[-300:]!r}")
                self.buffer += data
            start = place + len(mark)
        read, self.buffer = self.buffer[:start], self.buffer[start:]
        return read

    async def count(self, mark: bytes, number: int) -> None:
        """Read until this mark has been seen so often."""
        while number > 0:
            number -= self.buffer.count(mark)
            last = self.buffer.rfind(mark)
            if last >= 0:
                self.buffer = self.buffer[last + len(mark) :]
            if number > 0:
                data = await self.reader.read(65536)
                if not data:
                    raise ConnectionError(f"{self.jid} was cut off")
                self.buffer += data

    async def drain(self, seconds: float) -> None:
        """Read and forget what comes in that time (presence of others)."""
        try:
            async with asyncio.timeout(seconds):
                while await self.reader.read(65536):
                    pass
        except TimeoutError:
            pass
        self.buffer = b""


async def sign_in_all(clients: list[Client], at_once: int = 8) -> None:
    """Sign in, some at once."""
    places = asyncio.Semaphore(at_once)

    async def one(client: Client) -> None:
        async with places:
            await client.sign_in()

    await asyncio.gather(*(one(client) for client in clients))
