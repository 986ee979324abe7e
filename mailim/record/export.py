"""Handing out part of the record so that nobody has to believe us.

An export is a file of JSON objects, one a line:

- first the manifest: `format`, when and what was asked for, the number of leaves, the record's
  public key (`key`, a vkey) and a signed `checkpoint`;
- then the leaves found and all leaves about them, in the order of the record: for people `id
  time kind from to body details refers erased`, for proof `header content salt inner` and
  `proof`, the audit path (RFC 6962 2.1.1) from the leaf's hash to the checkpoint's root;
- last `end`, the number of leaves, with the SHA-256 of all lines before.

`verify_export` checks one, and needs nothing but the file and the public key.
"""

from __future__ import annotations

import json
from array import array
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from functools import partial
from hashlib import sha256
from typing import Any, BinaryIO, Final

from mailim.errors import Invalid, Unavailable
from mailim.interfaces.record import Checkpoint, Leaf, RecordQuery
from mailim.interfaces.store import IStore, ITransaction
from mailim.record.entries import leaf_hash_of
from mailim.record.log_lines import iso_time
from mailim.record.query import check, shown
from mailim.wire.merkle import TILE, root_of, root_of_inclusion, tile_roots, tiled_proof
from mailim.wire.notes import NoteError, TreeHead, Verifier

FORMAT: Final = "mailim-record-export-1"
MAX_LEAVES: Final = 1_000_000
"""Leaves one export may have."""
MAX_LINE: Final = 16 << 20
"""Octets of a line of an export."""
_PAGE: Final = 1_000
_TILES_AT_ONCE: Final = 16


async def export(
    store: IStore,
    query: RecordQuery,
    checkpoint: Checkpoint,
    verifier: Verifier,
    out: BinaryIO,
    now: int,
) -> int:
    """Write what a search finds into `out`; gives the number of leaves written.

    query: `limit` is how many leaves may be found, at most MAX_LEAVES; those about them come on
    top. checkpoint: leaves behind it are not exported, so make it just before. out: written
    from a reader's thread. now: microseconds.
    Raises `Invalid`, and `Unavailable` if the record does not fit the checkpoint.
    """
    check(replace(query, limit=min(query.limit, _PAGE)))
    if query.limit > MAX_LEAVES:
        raise Invalid(f"limit must be from 1 to {MAX_LEAVES}", "limit")
    numbers = await _numbers(store, query, checkpoint.size)
    roots = await _tile_roots(store, checkpoint.size)
    if root_of(roots) != checkpoint.root:
        raise Unavailable("the record does not fit its checkpoint; run `mailim record verify`")
    lines = _Lines(out)
    lines.write(_manifest(query, checkpoint, verifier, len(numbers), now))
    start = 0
    while start < len(numbers):
        tile = numbers[start] // TILE
        end = start
        while end < len(numbers) and numbers[end] // TILE == tile:
            end += 1
        await store.read(
            partial(_write_tile, lines, roots, tile, numbers[start:end], checkpoint.size)
        )
        start = end
    lines.end(len(numbers))
    return len(numbers)


async def _numbers(store: IStore, query: RecordQuery, size: int) -> Sequence[int]:
    """Give the numbers of the leaves to export, in order."""
    before = size if query.before is None else min(query.before, size)
    wanted = query.limit
    numbers: set[int] = set()
    while wanted > 0:
        page = replace(query, before=before, limit=min(_PAGE, wanted))
        found, about = await store.read(partial(_page, page))
        numbers.update(found)
        numbers.update(number for number in about if number < size)
        if len(found) < page.limit:
            break
        before, wanted = found[-1], wanted - len(found)
    return array("q", sorted(numbers))


def _page(query: RecordQuery, tx: ITransaction) -> tuple[list[int], list[int]]:
    found = [leaf.seq for leaf in tx.record.search(query)]
    return found, [leaf.seq for leaf in tx.record.about(found)]


async def _tile_roots(store: IStore, size: int) -> list[bytes]:
    """Give the roots of all tiles of the first `size` leaves."""

    def some(tx: ITransaction, start: int) -> list[bytes]:
        limit = min(TILE * _TILES_AT_ONCE, size - start)
        return tile_roots(tx.record.hashes(start, limit))

    roots: list[bytes] = []
    for start in range(0, size, TILE * _TILES_AT_ONCE):
        roots += await store.read(partial(some, start=start))
    return roots


def _write_tile(
    lines: _Lines,
    roots: Sequence[bytes],
    tile: int,
    numbers: Sequence[int],
    size: int,
    tx: ITransaction,
) -> None:
    """Write those leaves of one tile."""
    start = tile * TILE
    hashes = tx.record.hashes(start, min(TILE, size - start))
    for number in numbers:
        leaf = tx.record.get(number)
        if leaf is None:
            raise Unavailable(f"leaf {number} is missing; run `mailim record verify`")
        lines.write(_exported(leaf, tiled_proof(roots, hashes, number)))


def _manifest(
    query: RecordQuery, checkpoint: Checkpoint, verifier: Verifier, count: int, now: int
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "made": iso_time(now),
        "query": {k: v for k, v in asdict(query).items() if v not in (None, ())},
        "leaves": count,
        "key": verifier.vkey,
        "checkpoint": checkpoint.note,
    }


def _exported(leaf: Leaf, proof: Sequence[bytes]) -> dict[str, Any]:
    data = shown(leaf)
    del data["disposition"]
    return data | {
        "header": leaf.header.decode("utf-8", "replace"),
        "content": None if leaf.content is None else leaf.content.decode("utf-8", "replace"),
        "salt": None if leaf.salt is None else b64encode(leaf.salt).decode(),
        "inner": b64encode(leaf.inner).decode(),
        "proof": [b64encode(each).decode() for each in proof],
    }


class _Lines:
    """Writes JSON lines and hashes them."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._hash = sha256()

    def write(self, data: dict[str, Any]) -> None:
        line = json.dumps(data, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        self._hash.update(line)
        self._out.write(line)

    def end(self, count: int) -> None:
        self.write({"end": count, "sha256": self._hash.hexdigest()})


def verify_export(lines: Iterable[bytes], verifier: Verifier | None = None) -> tuple[int, str]:
    """Check an export, line by line; gives the number of leaves and what is wrong ("" if sound).

    verifier: the record's public key as known from elsewhere; without it, the key in the
    file is believed, which shows damage only.
    """
    hash_ = sha256()
    head: TreeHead | None = None
    count = wanted = 0
    ended = False
    for number, line in enumerate(lines, 1):
        try:
            if ended or len(line) > MAX_LINE:
                return count, f"line {number}: does not belong to the export"
            data = json.loads(line)
            if head is None:
                head, wanted = _opened(data, verifier), data["leaves"]
            elif "end" in data:
                ended = True
                if (data["end"], data["sha256"], wanted) != (count, hash_.hexdigest(), count):
                    return count, "lines were changed, removed or added"
            else:
                _check_line(data, head)
                count += 1
        except (Invalid, NoteError) as error:
            return count, f"line {number}: {error}"
        except (ValueError, KeyError, TypeError, RecursionError):
            return count, f"line {number}: malformed"
        hash_.update(line)
    return (count, "") if ended else (count, "the end is missing")


def _opened(manifest: dict[str, Any], verifier: Verifier | None) -> TreeHead:
    """Give what the manifest's checkpoint states; raises ValueError, KeyError, TypeError."""
    if manifest["format"] != FORMAT:
        raise Invalid("not an export of a record")
    return (verifier or Verifier.from_vkey(manifest["key"])).open_checkpoint(manifest["checkpoint"])


def _check_line(data: dict[str, Any], head: TreeHead) -> None:
    """Raises `Invalid` if a line is not what the checkpoint proves."""
    inner = b64decode(data["inner"], validate=True)
    content = data["content"]
    if content is not None:
        salt = b64decode(data["salt"], validate=True)
        if sha256(salt + content.encode()).digest() != inner:
            raise Invalid("its content was changed")
        opened = json.loads(content)
        if (opened["body"], opened["details"]) != (data["body"], data["details"]):
            raise Invalid("its body or details are not those of its content")
    elif data["body"] or data["details"]:
        raise Invalid("it is erased, but has a body or details")
    header = json.loads(data["header"])
    same = [header[k] == data[k] for k in ("id", "kind", "from", "to", "refers")]
    if not all(same) or iso_time(header["time"]) != data["time"]:
        raise Invalid("its fields are not those of its header")
    proof = [b64decode(each, validate=True) for each in data["proof"]]
    leaf = leaf_hash_of(data["header"].encode(), inner)
    if root_of_inclusion(leaf, header["id"], head.size, proof) != head.root:
        raise Invalid("the checkpoint does not prove it")
