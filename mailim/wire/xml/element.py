"""One XML element of a stanza, light enough to make by the hundred thousand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


class Element:
    """An element: a local name, a namespace name, attributes, children.

    Attributes without a namespace are keyed by their name, those of the XML namespace
    `xml:lang` and so on, any other `{namespace}local`. Namespace declarations are not
    attributes; the serialiser writes those that are needed. Children are elements and text.

    An element that more than one session can see is never changed in place: take
    `with_attrs` or `copy` first.
    """

    __slots__ = ("attrs", "children", "name", "ns")

    name: str
    ns: str
    attrs: dict[str, str]
    children: list[Element | str]

    def __init__(
        self,
        name: str,
        ns: str = "",
        attrs: Mapping[str, str] | None = None,
        *children: Element | str,
    ) -> None:
        self.name = name
        self.ns = ns
        self.attrs = dict(attrs) if attrs else {}
        self.children = list(children)

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the value of attribute `name`, else `default`."""
        return self.attrs.get(name, default)

    def find(self, name: str, ns: str | None = None) -> Element | None:
        """Return the first child element of that name, else None.

        `ns` None means the namespace of this element.
        """
        wanted = self.ns if ns is None else ns
        for child in self.children:
            if not isinstance(child, str) and child.name == name and child.ns == wanted:
                return child
        return None

    def elements(self, name: str | None = None, ns: str | None = None) -> Iterator[Element]:
        """Iterate over child elements; None means any name, any namespace."""
        for child in self.children:
            if (
                not isinstance(child, str)
                and (name is None or child.name == name)
                and (ns is None or child.ns == ns)
            ):
                yield child

    @property
    def text(self) -> str:
        """The text directly inside this element, child elements left out."""
        return "".join([child for child in self.children if isinstance(child, str)])

    def add(self, child: Element | str) -> Element:
        """Append a child; return it when it is an element, this element when it is text."""
        self.children.append(child)
        return self if isinstance(child, str) else child

    def with_attrs(
        self, attrs: Mapping[str, str | None] | None = None, /, **others: str | None
    ) -> Element:
        """Return a shallow copy with these attributes set, or removed where None.

        The copy has its own attributes and its own list of the same children.
        """
        twin = Element(self.name, self.ns, self.attrs)
        twin.children = self.children[:]
        if attrs:
            others = {**attrs, **others} if others else dict(attrs)
        for key, value in others.items():
            if value is None:
                twin.attrs.pop(key, None)
            else:
                twin.attrs[key] = value
        return twin

    def copy(self) -> Element:
        """Return a deep copy (iterative: any depth)."""
        twin = self.with_attrs()
        todo = [twin]
        while todo:
            children = todo.pop().children
            for index, child in enumerate(children):
                if not isinstance(child, str):
                    children[index] = below = child.with_attrs()
                    todo.append(below)
        return twin

    def __eq__(self, other: object) -> bool:
        """Compare by content (iterative); how text is cut into pieces does not matter."""
        if not isinstance(other, Element):
            return NotImplemented
        todo: list[tuple[Element, Element]] = [(self, other)]
        while todo:
            one, two = todo.pop()
            if one is two:
                continue
            if one.name != two.name or one.ns != two.ns or one.attrs != two.attrs:
                return False
            ours, theirs = _joined(one.children), _joined(two.children)
            if len(ours) != len(theirs):
                return False
            for a, b in zip(ours, theirs, strict=True):
                if isinstance(a, Element) and isinstance(b, Element):
                    todo.append((a, b))
                elif isinstance(a, Element) or isinstance(b, Element) or a != b:
                    return False
        return True

    # Mutable and compared by content, so not hashable.
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        # Only the name: an element's content is somebody's message and stays out of logs.
        return f"<Element {{{self.ns}}}{self.name}>"


def _joined(children: list[Element | str]) -> list[Element | str]:
    """Return the children with neighbouring texts joined and empty ones dropped."""
    joined: list[Element | str] = []
    for child in children:
        if isinstance(child, str) and joined and isinstance(last := joined[-1], str):
            joined[-1] = last + child
        elif child != "":
            joined.append(child)
    return joined
