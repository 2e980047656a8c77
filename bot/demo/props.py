"""What stands on the stage before it begins: a package, settings, tokens, in one folder.

The settings are the product's own; only durations are shortened, as the group lives faster.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import secrets
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.config.secrets import EXPERT_PASSWORD
from bot.demo.scenario import Scenario
from bot.localslack.seed import demo_workspace
from bot.pacing import CALLS_A_MINUTE

GROUP = "site-1"
CHANNEL_ID = "C0000FWOPS0"

PACKAGE_BYTES = 2_000_000
"""Enough for more than one block of sftp; a real bundle has three gigabytes."""


@dataclass(frozen=True)
class Props:
    """Where things lie, and the secrets that must never be seen."""

    folder: Path
    speed: float
    auto: bool
    bot_token: str = field(default_factory=lambda: f"xoxb-{secrets.token_hex(12)}")
    app_token: str = field(default_factory=lambda: f"xapp-{secrets.token_hex(12)}")
    signing_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    transport: str = "socket"
    expert_password: str = ""

    @property
    def settings(self) -> Path:
        """The bot's settings."""
        return self.folder / "hotfix.toml"

    def settings_of(self, name: str) -> Path:
        """The settings of one process: a worker reaches the database by a way of its own."""
        return self.settings if name == "bot" else self.folder / f"hotfix-{name}.toml"

    @property
    def rehearsal(self) -> Path:
        """The rehearsal's settings."""
        return self.folder / "rehearsal.toml"

    @property
    def workspace(self) -> Path:
        """The Slack workspace."""
        return self.folder / "workspace.toml"

    @property
    def environment(self) -> dict[str, str]:
        """What the bot gets as its environment: its secrets, and nothing of ours."""
        own = {"SLACK_BOT_TOKEN": self.bot_token}
        if self.expert_password:
            own[EXPERT_PASSWORD] = self.expert_password
        if self.transport == "http":
            return own | {"SLACK_SIGNING_SECRET": self.signing_secret}
        return own | {"SLACK_APP_TOKEN": self.app_token}

    def log(self, name: str) -> Path:
        """The file for what a process writes."""
        return self.folder / f"{name}.log"


def lay_out(props: Props, scenario: Scenario) -> None:
    """Write everything that does not depend on where the processes will listen."""
    for name in ("packages", "keys"):
        (props.folder / name).mkdir(parents=True, exist_ok=True)
    write_package(props.folder / "packages" / scenario.package, scenario)
    group = {"name": GROUP, **scenario.group, "speed": props.speed}
    props.rehearsal.write_text(_toml({**group, "faults": list(scenario.faults)}))
    app = demo_workspace()["app"] | {
        "bot_token": props.bot_token,
        "app_token": props.app_token,
        "signing_secret": props.signing_secret,
    }
    props.workspace.write_text(_toml({"app": app}))


def write_package(path: Path, scenario: Scenario, size: int = PACKAGE_BYTES) -> None:
    """Write a package of so many bytes that says of itself what its name says, and its checksum."""
    config = _config(path.name, reboots=scenario.group.get("reboots", True))
    payload = {"hf.config": config, "payload.bin": secrets.token_bytes(size)}
    whole = _tar({"./CheckPoint/bundle.tar": _tar(payload)})
    path.write_bytes(gzip.compress(whole, 1) if path.suffix == ".tgz" else whole)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(f"{path.name}.sha256").write_text(f"{digest}  {path.name}\n")


def _config(name: str, *, reboots: bool) -> bytes:
    """Return an hf.config as a real one is: its first line counts the bytes that follow."""
    take = re.search(r"_T(\d+)_", name)
    version = re.search(r"_(R\d{2}(?:_\d{2})?(?:SP)?)_", name)
    kind = "JUMBO" if re.search(r"jumbo|jhf", name, re.IGNORECASE) else "MISC"
    said = {
        "PATCH_NAME": name.rsplit(".", 1)[0],
        "TAKE_NUMBER": take[1] if take else "",
        "PACKAGE_TYPE": "BUNDLE",
        "CATEGORY": kind,
        "DIRECT_BASE_VERSION": version[1].replace("_", ".") if version else "",
        "REQUIRES_REBOOT": str(reboots).lower(),
    }
    lines = "".join(f"{key}={value}\n" for key, value in said.items() if value)
    return f"{len(lines)}\n{lines}".encode()


def _tar(files: Mapping[str, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return written.getvalue()


def write_settings(
    props: Props,
    scenario: Scenario,
    device: Mapping[str, Any],
    slack: Mapping[str, Any],
    database: Mapping[str, str],
    *,
    http_port: int | None = None,
) -> None:
    """Write the settings, now that Slack, the group and the database have addresses.

    Args:
        props: where to.
        scenario: what it adds.
        device: what the rehearsal told of itself.
        slack: what localslack told of itself.
        database: its address for each process, by name.
        http_port: where Slack calls the bot, or None where the bot calls Slack.
    """
    settings: dict[str, Any] = {
        "slack": {"api_url": slack["base_url"], **_slack_pace(props)},
        "packages": {"directory": str(props.folder / "packages")},
        "ssh": {"known_hosts": device["known_hosts"], "client_keys": [device["client_key"]]},
        "policy": _policy(props),
        "roles": {
            "firewall": {"members": ["U00000RITA0", "U000000BEN0"]},
            "network": {"members": ["U000000ANA0", "U00000NOOR0"]},
        },
        "groups": {
            GROUP: {
                "address": device["address"],
                "port": device["port"],
                "username": device["username"],
                "channel": CHANNEL_ID,
                "timezone": "Europe/Berlin",
            }
        },
    }
    if http_port is not None:
        settings["slack"] |= {"transport": "http", "listen": f"127.0.0.1:{http_port}"}
    for name, url in database.items():
        own = _over({**settings, "storage": {"url": url}}, scenario.settings)
        file = props.settings_of(name)
        file.touch(mode=0o600)
        file.write_text(_toml(own))


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the scenario's settings over the stage's."""
    tables = {
        key: _over(below[key], value)
        for key, value in above.items()
        if isinstance(value, Mapping) and key in below
    }
    return {**below, **above, **tables}


def _slack_pace(props: Props) -> dict[str, Any]:
    """Messages follow a night that goes a hundred times as fast."""
    calls = {"calls_a_minute": CALLS_A_MINUTE * hurry(props.speed)}
    if not props.auto:
        return {"edit_every": "1s", "edit_per_run": "500ms", "post_every": "500ms", **calls}
    return {"edit_every": "500ms", "edit_per_run": "100ms", "post_every": "100ms", **calls}


def hurry(speed: float) -> float:
    """Return how many times as many calls as Slack allows localslack takes, and the bot makes.

    A night that goes 150 times as fast has at most 15 times as many messages in a minute.
    """
    return max(1.0, speed * HURRY)


HURRY = 0.1
"""More calls than Slack allows, per simulated second in a real one."""


def _policy(props: Props) -> dict[str, Any]:
    """Scale what is meant in the group's time; what is meant for people stays near theirs."""
    voters = ["firewall", "network"]
    grace = "1s" if props.auto else "10s"

    def scaled(seconds: float, least: float) -> str:
        return f"{max(least, seconds / props.speed):.2f}s"

    return {
        "operators": voters,
        "daily_look": "",
        "watch": scaled(60, 0.4),
        "quiet": scaled(180, 3.0),
        "settle": scaled(30, 0.3),
        "soak": scaled(300, 1.0),
        "remind": scaled(600, 10.0),
        "gate_lead": scaled(1800, 5.0),
        "late": scaled(900, 5.0),
        "shortest_window": scaled(1800, 5.0),
        "proposal": {"votes": 1, "voters": voters, "grace": grace},
        "failover": {"votes": 2, "voters": voters, "grace": grace},
        "limits": {
            "look": "30s",
            "prompt": scaled(360, 4.0),
            "admin_down": scaled(600, 10.0),
            "comeback": scaled(3600, 30.0),
        },
    }


def _toml(table: Mapping[str, Any], prefix: str = "") -> str:
    """Write a table: values first, then the tables in it."""
    lines, tables = [], []
    for key, value in table.items():
        if isinstance(value, Mapping):
            name = f"{prefix}{key}"
            tables.append(f"\n[{name}]\n{_toml(value, f'{name}.')}")
        else:
            lines.append(f"{key} = {_value(value)}")
    return "\n".join(lines) + "\n" + "".join(tables)


def _value(value: Any) -> str:  # noqa: ANN401 -- JSON values
    if isinstance(value, Mapping):
        inner = ", ".join(f"{json.dumps(k)} = {_value(v)}" for k, v in value.items())
        return f"{{ {inner} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(one) for one in value)}]"
    # JSON's strings, numbers and truth values are TOML's too.
    return json.dumps(value, ensure_ascii=False)


def leaks(
    props: Props, client_key: Path, password: str | None, texts: Mapping[str, str]
) -> list[str]:
    """Say where a secret is seen that must be seen nowhere: journal, logs, Slack (P11)."""
    planted = {
        "the bot's token": props.bot_token,
        "the app's token": props.app_token,
        "the signing secret": props.signing_secret,
    }
    if props.expert_password:
        planted["the expert password"] = props.expert_password
    if password is not None:
        planted["the database's password"] = password
    body = [line for line in client_key.read_text().splitlines() if len(line) >= 40]
    planted |= {f"line {n} of the SSH key": line for n, line in enumerate(body, start=1)}
    return [
        f"{what} is seen in {where}"
        for where, text in texts.items()
        for what, secret in planted.items()
        if secret in text
    ]
