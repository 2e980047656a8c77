"""The secrets: from the environment or from files named there, never from `hotfix.toml`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import PrivateAttr
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.config.mistakes import SettingsWrong
from bot.redaction import SHORTEST

EXPERT_PASSWORD = "GAIA_EXPERT_PASSWORD"  # noqa: S105 -- the name of a variable


class Secrets(BaseSettings):
    """Secrets, from the environment or from files named there (`…_FILE`)."""

    model_config = SettingsConfigDict(env_prefix="SLACK_", frozen=True, extra="ignore")

    bot_token: str = ""
    bot_token_file: Path | None = None
    app_token: str = ""
    app_token_file: Path | None = None
    signing_secret: str = ""
    signing_secret_file: Path | None = None
    _expert: dict[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def read(cls, in_gclish: Iterable[str] = ()) -> Secrets:
        """Read them.

        Args:
            in_gclish: the groups whose logins end in gClish, so that an expert password is needed.

        Raises:
            SettingsWrong: a file that is named cannot be read, or an expert password is none.
        """
        given = cls()
        names = ("bot_token", "app_token", "signing_secret")
        found = {n: _secret(getattr(given, n), getattr(given, f"{n}_file"), n) for n in names}
        read = given.model_copy(update=found)
        read._expert = {g: word for g in in_gclish if (word := _expert_password(g))}  # noqa: SLF001 -- of our own class
        return read

    def expert_password(self, group: str) -> str:
        """Return what `expert` asks for on a group, or "" where it was not given."""
        return self._expert.get(group, "")

    @property
    def values(self) -> tuple[str, ...]:
        """The secrets themselves, for whoever must keep them out of sight."""
        slack = (self.bot_token, self.app_token, self.signing_secret)
        return tuple(v for v in (*slack, *self._expert.values()) if v)

    def __repr__(self) -> str:
        return "Secrets(…)"

    __str__ = __repr__

    def need_web_api(self) -> None:
        """Refuse to act without what Slack's Web API needs: who may approve is asked there.

        Raises:
            SettingsWrong: the bot's token is not there.
        """
        self._need(("bot_token", ""))

    def need_slack(self, transport: str = "socket") -> None:
        """Refuse to serve without what the Web API and the way that Slack reaches us need.

        Raises:
            SettingsWrong: a secret is not there.
        """
        if transport == "http":
            way = ("signing_secret", '; slack.transport = "http" checks each request with it')
        else:
            way = ("app_token", '; slack.transport = "socket" connects with it')
        self._need(("bot_token", ""), way)

    def _need(self, *needed: tuple[str, str]) -> None:
        """Refuse to go on without these; each with what it is for."""
        lacking = [
            f"SLACK_{name.upper()} is not set (nor SLACK_{name.upper()}_FILE){what_for}"
            for name, what_for in needed
            if not getattr(self, name)
        ]
        if lacking:
            raise SettingsWrong("\n".join(lacking))

    def unused(self, transport: str) -> str:
        """Say which secret is there for nothing, or ""."""
        name = "app_token" if transport == "http" else "signing_secret"
        if not getattr(self, name):
            return ""
        return f'SLACK_{name.upper()} is not used: slack.transport = "{transport}"'


def _secret(value: str, file: Path | None, name: str) -> str:
    if value or file is None:
        return value
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        variable = f"SLACK_{name.upper()}_FILE"
        raise SettingsWrong(f"{variable} names {file}, which cannot be read") from error


def expert_variable(group: str) -> str:
    """Return the variable of one group's expert password: `GAIA_EXPERT_PASSWORD_SITE_1`."""
    return f"{EXPERT_PASSWORD}_{re.sub(r'[^A-Z0-9]', '_', group.upper())}"


def _expert_password(group: str, environment: Mapping[str, str] | None = None) -> str:
    """Return a group's own expert password, else the one for all groups, else "".

    Raises:
        SettingsWrong: it cannot be read, typed, or kept out of sight.
    """
    given = os.environ if environment is None else environment
    for name in (expert_variable(group), EXPERT_PASSWORD):
        value, file = given.get(name, ""), given.get(f"{name}_FILE", "")
        if file and not value:
            try:
                value = Path(file).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsWrong(f"{name}_FILE names {file}, which cannot be read") from error
        if not value:
            continue
        if len(value) < SHORTEST or not value.isprintable():
            raise SettingsWrong(
                f"{name} is no expert password: it has fewer than {SHORTEST} characters, or some "
                "that cannot be typed"
            )
        return value
    return ""
