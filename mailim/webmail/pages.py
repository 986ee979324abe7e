"""The pages themselves: sign-in (without script), the application, the admin page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, TemplateError

from mailim.accounts.passwords import Passwords
from mailim.config_sections import Webmail
from mailim.errors import AuthenticationFailed, Invalid, RateLimited
from mailim.interfaces.store import IStore
from mailim.protocols.http.identity import Identity, require_same_origin
from mailim.protocols.http.problems import Problem
from mailim.protocols.http.request import Request
from mailim.protocols.http.response import Response, html_response, redirect
from mailim.protocols.http.router import Route
from mailim.protocols.http.static import StaticFiles
from mailim.webmail.settings import kept

TEMPLATES = Path(__file__).parent / "templates"
FORM_OCTETS = 8192


class Pages:
    """Serves them.

    overrides: may hold templates of the site that win over ours; all are read here, once.
    Raises `Invalid` for a template that is none.
    """

    def __init__(
        self,
        store: IStore,
        identity: Identity,
        passwords: Passwords,
        static: StaticFiles,
        domain: str,
        webmail: Webmail,
        overrides: Path | None = None,
    ) -> None:
        self._store = store
        self._identity = identity
        self._passwords = passwords
        self._static = static
        self._domain = domain
        self._webmail = webmail
        places = [*([overrides] if overrides is not None else []), TEMPLATES]
        templates = Environment(
            loader=FileSystemLoader(places),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
        )
        self._templates = {name: _read(templates, name) for name in ("login.html", "app.html")}

    def routes(self) -> list[Route]:
        """Give the routes."""
        return [
            Route("GET", "/", self.application),
            Route("GET", "/admin/", self.administration),
            Route("GET", "/admin", self.to_administration),
            Route("GET", "/login", self.sign_in_page),
            Route("POST", "/login", self.sign_in, max_body=FORM_OCTETS),
            Route("POST", "/logout", self.sign_out, max_body=FORM_OCTETS),
        ]

    async def application(self, request: Request) -> Response:
        """Give the application, or the way to the sign-in page."""
        found = await self._identity.session(request)
        if found is None:
            return redirect("/login")
        return await self._shell("app", found[0].id)

    async def administration(self, request: Request) -> Response:
        """Give the admin page to administrators."""
        found = await self._identity.session(request)
        if found is None:
            return redirect("/login")
        if not found[0].admin:
            raise Problem(403, "this page is for administrators")
        return await self._shell("admin", found[0].id)

    async def to_administration(self, _request: Request) -> Response:
        """Add the slash."""
        return redirect("/admin/", 308)

    async def sign_in_page(self, request: Request) -> Response:
        """Give the sign-in page, or the way in for who is signed in already."""
        if await self._identity.session(request) is not None:
            return redirect("/")
        return self._sign_in_page()

    async def sign_in(self, request: Request) -> Response:
        """Check the form and begin a session."""
        require_same_origin(request)
        form = await request.form()
        address, password = form.get("address", "").strip(), form.get("password", "")
        if address and "@" not in address:
            address = f"{address}@{self._domain}"
        try:
            account = await self._passwords.check(address, password, request.peer, "webmail")
        except RateLimited as error:
            page = self._sign_in_page(address, "Too many attempts. Please wait a little.", 429)
            page.headers.append(("Retry-After", str(max(1, round(error.retry_after)))))
            return page
        except (AuthenticationFailed, Invalid):
            return self._sign_in_page(address, "The address or the password is wrong.", 403)
        response = redirect("/")
        await self._identity.begin(request, account, response)
        return response

    async def sign_out(self, request: Request) -> Response:
        """End the session."""
        require_same_origin(request)
        response = redirect("/login")
        await self._identity.end(request, response)
        return response

    def _sign_in_page(self, address: str = "", error: str = "", status: int = 200) -> Response:
        values = self._values("login")
        page = self._templates["login.html"].render(
            **values, address=address[:254], error=error, domain=self._domain
        )
        return html_response(page, status)

    async def _shell(self, entry: str, account_id: int) -> Response:
        stored = await self._store.read(lambda tx: tx.accounts.settings(account_id))
        chosen = kept(stored, self._webmail.language)
        values = self._values(entry) | {"theme": chosen.theme, "language": chosen.language}
        return html_response(self._templates["app.html"].render(**values))

    def _values(self, entry: str) -> dict[str, Any]:
        self._static.refresh()
        manifest = self._static.manifest
        if not manifest:
            raise Problem(503, "the browser application is not built: run make webclient")
        files = manifest["entries"][entry]
        return {
            "title": self._webmail.title,
            "language": self._webmail.language,
            "theme": "system",
            "icon": f"/static/{manifest['icons']['icon.svg']}",
            "webmanifest": f"/static/{manifest['webmanifest']}" if entry == "app" else "",
            "styles": [f"/static/{files['css']}"],
            "scripts": [f"/static/{files['js']}"] if "js" in files else [],
            "preload": [f"/static/{name}" for name in files["preload"]],
            # What the application asks for first, so that it need not wait for its script.
            "fetches": ["/api/session", "/.well-known/jmap"] if entry == "app" else [],
        }


def _read(templates: Environment, name: str) -> Template:
    try:
        return templates.get_template(name)
    except (TemplateError, OSError, ValueError) as error:
        raise Invalid(f"the template {name} cannot be used: {error}", name) from None
