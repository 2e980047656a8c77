"""The Web API over HTTP: who calls, may they, how often; then the method itself.

Slack answers 200 to almost everything and says in the body how it went; only rate limits (429)
and its own failures (5xx) are HTTP errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from bot.localslack.arguments import Arguments, read_arguments
from bot.localslack.clock import pause
from bot.localslack.limits import RULES, Rules
from bot.localslack.methods import METHODS
from bot.localslack.parts import Call, Parts, RateLimited, missing_scope
from bot.localslack.refusal import Refused

if TYPE_CHECKING:
    from bot.localslack.model import Json


class WebApi:
    """Answers `/api/METHOD`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def add_routes(self, app: web.Application) -> None:
        """Take over what belongs to the Web API."""
        app.router.add_route("*", "/api/{method}", self.answer)
        app.router.add_post("/upload/v1/{ticket}", self.upload)
        app.router.add_get("/files-pri/{id}/{rest:.*}", self.download)
        app.router.add_post("/commands/{team}/{key}", self.response_url)

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one call, and log it."""
        method = request.match_info["method"]
        if trouble := await self._trouble(method):
            return trouble
        try:
            arguments = await read_arguments(request)
        except Refused as refused:
            self._log(method, {}, refused.answer())
            return web.json_response(refused.answer())
        try:
            body = self._body(method, request, arguments)
        except RateLimited as limited:
            return self._rate_limited(method, limited.seconds, arguments)
        self._log(method, arguments, body)
        # Done, but the caller never learns of it: who asks again must look first.
        if self._parts.faults.take("lose_response", method) and request.transport:
            request.transport.abort()
        return web.json_response(body, headers=self._scope_headers(method))

    async def upload(self, request: web.Request) -> web.Response:
        """Take the bytes of an announced file."""
        if self._parts.faults.is_out:
            return web.Response(status=503)
        ticket = request.match_info["ticket"]
        files = self._parts.workspace.files.values()
        file = next((f for f in files if f.upload_ticket == ticket), None)
        if file is None or file.content is not None:
            return web.Response(status=404, text="not found")
        content = await _uploaded_bytes(request)
        ok = len(content) == file.length
        self._parts.traffic.record("api", method="upload", ok=ok, file=file.id, size=len(content))
        if not ok:
            return web.Response(status=400, text="length does not match")
        file.content = content
        return web.Response(text=f"OK - {len(content)}")

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Give a file's bytes to the app, if it may read files."""
        workspace = self._parts.workspace
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token != workspace.app.bot_token or "files:read" not in workspace.app.scopes:
            return web.Response(status=403)
        file = workspace.files.get(request.match_info["id"].rpartition("-")[2])
        if file is None or file.content is None:
            return web.Response(status=404)
        return web.Response(body=file.content, content_type="application/octet-stream")

    async def response_url(self, request: web.Request) -> web.Response:
        """Take an answer that came by a response address."""
        if self._parts.faults.is_out:
            return web.Response(status=503)
        try:
            body = await request.json()
        except ValueError:
            return web.json_response({"ok": False, "error": "invalid_json"}, status=400)
        try:
            self._parts.answers.use(request.match_info["key"], body)
        except Refused as refused:
            self._parts.traffic.record("response_url", ok=False, error=refused.error, body=body)
            gone = refused.error in ("used_url", "expired_url")
            return web.json_response(refused.answer(), status=404 if gone else 400)
        self._parts.traffic.record("response_url", ok=True, body=body)
        return web.json_response({"ok": True})

    def _body(self, method: str, request: web.Request, arguments: Json) -> Json:
        try:
            return {"ok": True, **self._perform(method, request, arguments)}
        except Refused as refused:
            return refused.answer()

    def _perform(self, method: str, request: web.Request, arguments: Json) -> Json:
        if method not in METHODS:
            raise Refused("unknown_method", req_method=method)
        rules = RULES[method]
        self._check_token(_token(request, arguments), rules)
        if rules.tier:
            self._count(method, rules)
        call = Call(self._parts, Arguments(arguments), request.host)
        return METHODS[method](call)

    def _check_token(self, token: str, rules: Rules) -> None:
        app = self._parts.workspace.app
        if not token:
            raise Refused("not_authed")
        if token in app.revoked:
            raise Refused("token_revoked")
        if token not in (app.bot_token, app.app_token):
            raise Refused("invalid_auth")
        if token != (app.app_token if rules.app_token else app.bot_token):
            raise Refused("not_allowed_token_type")
        # What an app-level token may do is not in the manifest.
        if not rules.app_token and rules.scopes and not app.scopes.intersection(rules.scopes):
            raise missing_scope(rules.scopes[0], app.scopes)

    def _count(self, method: str, rules: Rules) -> None:
        if rules.tier is None:
            return
        if seconds := self._parts.limiter.seconds_to_wait((method,), rules.tier):
            raise RateLimited(seconds)

    async def _trouble(self, method: str) -> web.Response | None:
        """Let go wrong what a scenario asked for."""
        faults = self._parts.faults
        if faults.is_out:
            return self._failed(method, 503, "service_unavailable")
        if slow := faults.take("slow", method):
            await pause(self._parts.clock, slow.seconds)
        if limit := faults.take("rate_limit", method):
            return self._rate_limited(method, int(limit.seconds), {})
        if faults.take("server_error", method):
            return self._failed(method, 500, "internal_error")
        return None

    def _failed(self, method: str, status: int, error: str) -> web.Response:
        body: Json = {"ok": False, "error": error}
        self._log(method, {}, body, status=status)
        return web.json_response(body, status=status)

    def _rate_limited(self, method: str, seconds: int, arguments: Json) -> web.Response:
        body: Json = {"ok": False, "error": "ratelimited"}
        self._log(method, arguments, body, status=429, retry_after=seconds)
        return web.json_response(body, status=429, headers={"Retry-After": str(seconds)})

    def _log(self, method: str, arguments: Json, body: Json, **more: Any) -> None:  # noqa: ANN401 -- JSON values
        facts = {"method": method, "ok": body["ok"], "args": arguments, **more}
        if not body["ok"]:
            facts["error"] = body["error"]
            facts["answer"] = body
        elif ts := body.get("ts"):
            facts["ts"] = ts
        self._parts.traffic.record("api", **facts)

    def _scope_headers(self, method: str) -> dict[str, str]:
        headers = {"X-OAuth-Scopes": ",".join(sorted(self._parts.workspace.app.scopes))}
        if rules := RULES.get(method):
            headers["X-Accepted-OAuth-Scopes"] = ",".join(rules.scopes)
        return headers


def _token(request: web.Request, arguments: Json) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return str(arguments.get("token") or "")


async def _uploaded_bytes(request: web.Request) -> bytes:
    """Read a raw body, or the one file of a form."""
    if not request.content_type.startswith("multipart/"):
        return await request.read()
    form = await request.post()
    for value in form.values():
        if isinstance(value, web.FileField):
            return value.file.read()
    return b""
