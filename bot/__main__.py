"""The command line: `hotfix-bot serve | worker | demo | plan | runs | show | halt | verify | …`.

What it says is for people, or one JSON value with `--json`. A mistake is one sentence on standard
error and exit code 2; 1 is for a command that ran and found something wrong.

Heavy libraries are imported where they are needed, so that `serve` carries none of them.
"""

from __future__ import annotations

import asyncio
import getpass
import html
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot import database, wiring
from bot.config.file import Loaded, load
from bot.config.mistakes import SettingsWrong
from bot.config.secrets import Secrets
from bot.config.settings import Settings
from bot.redaction import Redactor
from bot.terminal import AsJson, Config, mistakes_told, print_json, refusal, told_at_start
from engine.clock import SystemClock
from engine.errors import MaintenanceError, NotUnderstood, PlanRefused
from engine.freezes import coming, in_force, of_group
from storage.records import HOUSE, InboxRow, StorageDown, StorageRefusal, Stores

if TYPE_CHECKING:
    from bot.verification import Known, Verdict
    from storage.records import Record

app = typer.Typer(
    name="hotfix-bot",
    help="Installs hotfixes on Check Point Security Groups from a Slack channel.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.add_typer(database.app)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(wiring.our_version())
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and end."
        ),
    ] = False,
) -> None:
    pass


LogFormat = Annotated[str, typer.Option("--log", help="json, console, or auto: by what stderr is.")]


@app.command()
def serve(
    config: Config = None,
    log_format: LogFormat = "auto",
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Hear and tell only; `worker` acts elsewhere.")
    ] = False,
) -> None:
    """Hear Slack, act on devices, tell what happens; until told to stop."""
    with told_at_start():
        settings, secrets = _prepared(config, log_format)
        serving = wiring.serve_facing if no_worker else wiring.serve
        asyncio.run(serving(settings, secrets))


@app.command()
def worker(
    config: Config = None,
    log_format: LogFormat = "auto",
    zone: Annotated[str, typer.Option("--zone", help="Act on the groups of this zone alone.")] = "",
) -> None:
    """Act on devices only, beside a `serve` elsewhere, over one PostgreSQL; until told to stop."""
    with told_at_start():
        settings, secrets = _prepared(config, log_format)
        asyncio.run(wiring.work(settings, secrets, zone))


def _prepared(config: Path | None, log_format: str) -> tuple[Settings, Secrets]:
    """Read settings and secrets, and begin to log without the secrets."""
    from bot.logs import set_up_logging

    if log_format not in ("json", "console", "auto"):
        raise SettingsWrong(f"--log is {log_format!r}, but may be json, console or auto")
    settings = load(config).settings
    secrets = Secrets.read(settings.in_gclish)
    as_json = log_format == "json" or (log_format == "auto" and not sys.stderr.isatty())
    set_up_logging(Redactor(secrets.values), as_json=as_json)
    return settings, secrets


# It has options of its own, and says them itself.
@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def demo(context: typer.Context) -> None:
    """Play an installation with a Slack and a Security Group that do not exist."""
    from bot.demo import stage

    raise typer.Exit(stage.main(context.args))


OnlyScheduled = Annotated[
    bool, typer.Option("--scheduled", help="Only those that wait for their time, sorted by it.")
]


@app.command()
def runs(config: Config = None, as_json: AsJson = False, scheduled: OnlyScheduled = False) -> None:
    """List all runs, oldest first; or those that wait for their time, what comes first first."""
    from bot.chronicle import header, unread

    if scheduled:
        _tell_scheduled(config, as_json=as_json)
        return
    headers = []
    with _reading(config) as (loaded, stores):
        for row in stores.journal.runs(open_only=False):
            try:
                headers.append(header(stores.journal.read(row.id)))
            except NotUnderstood as error:
                headers.append(unread(row, error))
        now, house = SystemClock().now(), stores.journal.read(HOUSE)
        tags = loaded.settings.tags
        frozen = [f"FROZEN: {freeze}" for freeze in in_force(house, now)]
        frozen += [f"FREEZE TO COME: {freeze.announced}" for freeze in coming(house, now)]
        for one in headers:
            freeze = of_group(house, one["group"], now, tags=tags.get(one["group"], ()))
            one["frozen"] = str(freeze) if freeze is not None else None
            one["to_be_frozen"] = [
                freeze.announced
                for freeze in coming(house, now)
                if freeze.holds_for(one["group"], tags.get(one["group"], ()))
            ]
    if as_json:
        print_json(headers)
        return
    for sentence in frozen:
        print(sentence)
    if not headers:
        print("There are no runs.")
    for one in headers:
        print(f"{one['run']}  {one['group']}  {one['package']}  {one['state']}")


def _tell_scheduled(config: Path | None, *, as_json: bool) -> None:
    from bot.runs import story_of
    from bot.scheduled import in_order

    stories, unread = [], []
    with _reading(config) as (_, stores):
        for row in stores.journal.runs():
            try:
                stories.append(story_of(stores.journal.read(row.id)))
            except NotUnderstood as error:
                unread.append({"run": row.id, "group": row.group, "state": str(error)})
    found = in_order(stories)
    if as_json:
        print_json([*(one.as_json() for one in found), *unread])
        return
    if not found and not unread:
        print("Nothing is scheduled.")
    for one in found:
        print(one)
    for run in unread:
        print(f"{run['run']}  {run['group']}  may be scheduled: {run['state']}")


@app.command()
def packages(config: Config = None, as_json: AsJson = False) -> None:
    """List the package repository: what each package is, and which groups it fits as last seen."""
    from bot import catalogue
    from bot.packages import PackageFolder

    with mistakes_told():
        settings = load(config).settings
        known = {name: group.version for name, group in sorted(settings.groups.items())}
        groups = {name: catalogue.Known(version) for name, version in known.items()}
        if wiring.is_there(settings):
            with wiring.stores_to_read(settings) as stores:
                groups = catalogue.last_known(stores.journal, known)
    found = asyncio.run(catalogue.entries(PackageFolder(settings.packages.directory), groups))
    if as_json:
        print_json([one.as_json() for one in found])
        return
    for line in catalogue.lines(found):
        print(line)


@app.command()
def show(run: str, config: Config = None, as_json: AsJson = False) -> None:
    """Tell a run: what it is, its plan, and everything that happened and why."""
    from bot.chronicle import lines, plan_lines

    with _reading(config) as (_, stores):
        records = _records(stores, run)
        top = _read(stores, run, records, as_json=as_json)
    if as_json:
        told = [asdict(line) for line in lines(records)]
        raw = [{"kind": r.kind, "body": r.body, "hash": r.hash} for r in records]
        both = [{**line, **record} for line, record in zip(told, raw, strict=True)]
        print_json({**top, "steps": plan_lines(records), "records": both})
        return
    from bot.printing import print_run

    print_run(top, plan_lines(records), lines(records))


@app.command()
def plan(
    words: Annotated[
        list[str],
        typer.Argument(
            help="What would be ordered, as in Slack: install GROUP PACKAGE [split …] [groups N] "
            "[without …], uninstall GROUP last take, finish GROUP, or rollback GROUP; and when: "
            "at sat 02:00, in 3h, window sat 02:00-05:00, rollback after 72h."
        ),
    ],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Look at the real group, only reading, and tell the plan with every line it would send.

    Ends with 0 where a plan can be made, 2 where none can (with the reason), and 1 where the group
    cannot be looked at.
    """
    from bot.commands.kinds import Mistake
    from bot.commands.orders import read_planning
    from bot.hearing import clocks
    from engine.dryrun import text

    with mistakes_told():
        settings = load(config).settings
        secrets = Secrets.read(settings.in_gclish)
        try:
            said = " ".join(words).split()
            times = clocks(settings, SystemClock().now())
            wanted = read_planning(said, sorted(settings.groups), "hotfix-bot", times).order
        except Mistake as error:
            raise refusal(_plainly(str(error))) from error
        group = settings.groups[wanted.group]
        request = wanted.request(_login(), group.channel, zone=group.timezone)
        try:
            dry = asyncio.run(wiring.plan_dry(settings, secrets, request))
        except PlanRefused as error:
            raise refusal(_plainly(str(error))) from error
        except MaintenanceError as error:
            typer.echo(f"{wanted.group} could not be looked at: {error}", err=True)
            raise typer.Exit(1) from error
    if as_json:
        print_json(dry.as_json())
        return
    print("\n".join(text(dry)))


@app.command()
def look(
    group: Annotated[str, typer.Argument(help="A Security Group.")] = "",
    config: Config = None,
    every: Annotated[bool, typer.Option("--all", help="Look at every group.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look at a group as the daily look does, only reading, and tell what is wrong.

    Ends with 0 where all is well, 1 where something is wrong or cannot be seen, 2 for a mistake.
    """
    with mistakes_told():
        settings = load(config).settings
        secrets = Secrets.read(settings.in_gclish)
        known = sorted(settings.groups)
        if every is bool(group):
            raise refusal(f"name a group, or --all; groups: {', '.join(known) or 'none'}")
        if group and group not in known:
            raise refusal(f"there is no group {group}; groups: {', '.join(known) or 'none'}")
        found = asyncio.run(wiring.look_now(settings, secrets, [group] if group else known))
    if as_json:
        print_json([{**one.as_json(), "at": one.at.isoformat()} for one in found])
    for one in () if as_json else found:
        print(f"{one.group}: {'something is wrong' if one.findings else 'in order'}")
        for finding in one.findings:
            print(f"    {finding.text}.\n        {finding.do}.")
    if any(one.findings for one in found):
        raise typer.Exit(1)


def _plainly(mrkdwn: str) -> str:
    """Return a sentence for Slack as a terminal shows it."""
    return html.unescape(mrkdwn.replace("`", ""))


@app.command()
def halt(
    target: Annotated[
        str, typer.Argument(help="A group or a run; needed if several are open.")
    ] = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Have nothing more sent to a group, also when Slack is down; looking goes on."""
    from bot.runs import NoSuchRun, Runs

    with _reading(config) as (loaded, stores):
        known = Runs(stores.journal, stores.deliveries, sorted(loaded.settings.groups))
        try:
            run = known.open_one(target)
        except NoSuchRun as error:
            raise refusal(str(error).replace("`", "")) from error
        _say(stores, run, "halt")
        if not as_json:
            print(f"Halt was said to {run}: nothing more is sent for it before that is taken.")
        told = _read(stores, run, stores.journal.read(run), as_json=as_json)
    if as_json:
        kept = ("run", "group", "out_of_service", "by_hand", "by_hand_waits")
        print_json({k: told[k] for k in kept})
        return
    out = told["out_of_service"]
    print(f"Out of service when last seen: {', '.join(out) or 'nobody'}.")
    if told["by_hand"]:
        print("To bring them back by hand, in Expert mode on a member that is in service:")
        print(f"    {told['by_hand']}")
        if told["by_hand_waits"]:
            print(f"But {told['by_hand_waits']}.")
    elif out:
        print("Nothing that we took down is down; look at these members by hand.")


def _say(stores: Stores, run: str, verb: str) -> None:
    """Put a word into the inbox, as this login."""
    user, now = f"shell:{_login()}", SystemClock().now()
    body = {"verb": verb, "user": user, "answer": {}}
    stores.inbox.put(
        InboxRow(
            key=f"{user}/{verb}/{run}/{now.isoformat()}", run=run, kind="word", body=body, at=now
        )
    )


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


@app.command()
def verify(
    run: Annotated[str, typer.Argument(help="One run; without it all, and the house.")] = "",
    head: Annotated[
        str | None,
        typer.Option("--head", help="A head that the thread showed, e.g. 42:3f9a1c0d2b7e."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="Check what `export` wrote, and no database.")
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Check that journals are unbroken, and judge every promise from them."""
    from bot.verification import NotReadable, judged

    try:
        streams = _from_file(file, run) if file else _from_database(config, run, head)
        found = [
            judged(name, records, known=known, ends=head, beside=beside)
            for name, records, known, beside in streams
        ]
    except NotReadable as error:
        raise refusal(str(error)) from error
    if as_json:
        print_json({one.stream: one.as_json() for one in found})
    else:
        _print_verdicts(found)
    if not found or not all(one.good for one in found):
        raise typer.Exit(1)


Stream = tuple[str, Sequence["Record"], "Known | None", Sequence[str]]
"""Its name, its records as they are kept, what the database knows of it, and what is wrong."""


def _from_database(config: Path | None, run: str, head: str | None) -> Iterator[Stream]:
    """Hand out one stream after the other: years of them need not be in memory at once."""
    from bot.verification import Known, house_faults, known_of

    if head is not None and not run:
        raise refusal("--head belongs to one run; name it")
    with (
        mistakes_told(),
        wiring.upkeep(load(config).settings, acting=False) as upkeep,
        upkeep.snapshot() as now,
    ):
        known = known_of(now)
        lost = list(house_faults(now)) if run in ("", HOUSE) else []
        names = sorted({*now.streams(), *known, *([HOUSE] if lost else [])})
        if run and run not in names:
            raise _no_such(run, names)
        for name in [run] if run else names:
            beside = lost if name == HOUSE else []
            yield name, now.records(name), known.get(name, Known()), beside


def _from_file(file: Path, run: str) -> Iterator[Stream]:
    from bot.verification import imported

    try:
        with file.open(encoding="utf-8") as lines:
            streams = imported(lines)
    except (OSError, UnicodeDecodeError) as error:
        raise refusal(f"{file} cannot be read: {error}") from error
    if not streams:
        raise refusal(f"{file} holds no record")
    if run and run not in streams:
        raise _no_such(run, list(streams))
    for name in [run] if run else streams:
        yield name, streams[name], None, []


def _print_verdicts(found: Sequence[Verdict]) -> None:
    from bot.verification import short

    if not found:
        print("no records: nothing was ever written here, or all of it is gone")
    for one in found:
        head = f", head {short(one.head)}" if one.head else ""
        print(f"{one.stream}: {one.records} records{head}{'' if one.fault else ', chain unbroken'}")
        if one.fault:
            print(f"    chain {one.chain}")
        held = [name for name, verdict in one.promises.items() if verdict == "held"]
        if held:
            print(f"    promises held: {', '.join(held)}")
        for why in one.broken:
            print(f"    broken: {why}")
        if one.note:
            print(f"    {one.note}")


@app.command()
def export(run: str, config: Config = None) -> None:
    """Print a journal as lines of JSON, which `verify --file` can check without a database."""
    from bot.verification import exported

    with (
        mistakes_told(),
        wiring.upkeep(load(config).settings, acting=False) as upkeep,
        upkeep.snapshot() as now,
    ):
        if run not in now.streams():
            raise _no_such(run, now.streams())
        records = now.records(run)
    for line in exported(records):
        print(line)


@app.command()
def check(
    config: Config = None,
    as_json: AsJson = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask neither Slack nor the Security Groups.")
    ] = False,
) -> None:
    """Read settings and secrets, ask Slack and every group, and say what is wrong."""
    from bot.accounts import unreadable

    with mistakes_told():
        loaded = load(config)
        settings = loaded.settings
        secrets = Secrets.read(settings.in_gclish)
    warnings = [
        *(
            f"{key} is not there; ssh.client_keys names it as the key to log in with"
            for key in settings.ssh.client_keys
            if not key.is_file()
        ),
        *unreadable(
            [*settings.ssh.client_keys, settings.ssh.known_hosts], settings.packages.directory
        ),
        *_lacking(
            settings.ssh.known_hosts.is_file(),
            f"{settings.ssh.known_hosts} is not there; ssh.known_hosts names it as the file with "
            "the host key of every member",
        ),
        *_lacking(
            settings.packages.directory.is_dir(),
            f"{settings.packages.directory} is no folder; packages.directory names it as the "
            "place of the packages",
        ),
        *_lacking(
            bool(settings.groups),
            "there are no groups; each Security Group is a section [groups.NAME] with its address "
            "and channel",
        ),
        *(
            lacking
            for n in settings.groups
            if (lacking := wiring.login_of(settings, secrets, n).lacking)
        ),
        *_left_alone(settings),
    ]
    try:
        secrets.need_slack(settings.slack.transport)
    except SettingsWrong as error:
        warnings += str(error).splitlines()
    if secrets.bot_token and not offline:
        from bot.slack_check import slack_wrongs

        app_token = secrets.app_token if settings.slack.transport == "socket" else ""
        warnings += asyncio.run(slack_wrongs(settings, secrets.bot_token, app_token))
    names = sorted(settings.groups)
    notes = [note for name in names if (note := settings.unfenced(name))]
    notes += [
        f"logins to {name} end in gClish; Expert mode is reached there with the expert password"
        for name in settings.in_gclish
        if secrets.expert_password(name)
    ]
    notes += _windows(settings)
    notes += _about_the_way(settings, secrets)
    if not offline and _can_log_in(settings):
        from bot.wiring import identify

        found, wrong = asyncio.run(identify(settings, secrets))
        notes += found
        warnings += wrong
    if as_json:
        print_json({"file": str(loaded.file), "groups": names, "wrong": warnings, "notes": notes})
    else:
        things = "1 thing is" if len(warnings) == 1 else f"{len(warnings)} things are"
        verdict = f"is well formed, but {things} wrong" if warnings else "can be used"
        print(f"{loaded.file} {verdict}; groups: {', '.join(names) or 'none'}")
        for note in notes:
            print(f"note: {note}")
        for warning in warnings:
            print(f"wrong: {warning}")
    if warnings:
        raise typer.Exit(1)


def _windows(settings: Settings) -> Iterator[str]:
    """Say which groups may fail over only at times, and when the next one is."""
    from engine.windows import rule, suggested

    now = SystemClock().now()
    for name in sorted(settings.groups):
        there = settings.windows_of(name)
        if there.spans:
            yield f"{name} {rule(there)}; {suggested(there, now, now)}"


def _about_the_way(settings: Settings, secrets: Secrets) -> Iterator[str]:
    """Say what nobody can see from here about the way between Slack and us."""
    from bot.http import PATH

    slack = settings.slack
    if slack.transport == "http":
        yield (
            f"Slack must reach http://{slack.listen}{PATH} at a public https address: "
            "it is the Request URL of the app's events, commands and interactivity, and Socket "
            "Mode is off in the app"
        )
    if unused := secrets.unused(slack.transport):
        yield unused


def _can_log_in(settings: Settings) -> bool:
    """Tell whether there is what a login needs; what is not there was said."""
    return settings.ssh.known_hosts.is_file() and all(
        key.is_file() for key in settings.ssh.client_keys
    )


def _lacking(there: bool, sentence: str) -> Iterator[str]:
    if not there:
        yield sentence


def _left_alone(settings: Settings) -> Iterator[str]:
    """Find what is open on groups that are not in the settings (any more)."""
    try:
        if not wiring.is_there(settings):
            return
        with wiring.stores_to_read(settings) as stores:
            rows = stores.journal.runs()
    except (StorageDown, StorageRefusal) as error:
        yield f"storage.url: {error}"
        return
    for row in rows:
        if row.group not in settings.groups:
            yield (
                f"{row.id} is open on {row.group}, which is not in the settings: "
                "nothing is sent to it or seen of it until it is put back"
            )


# -------------------------------------------------------------------------------- what all share


@contextmanager
def _reading(config: Path | None) -> Iterator[tuple[Loaded, Stores]]:
    with mistakes_told():
        loaded = load(config)
        with wiring.stores_to_read(loaded.settings) as stores:
            yield loaded, stores


def _records(stores: Stores, run: str) -> Sequence[Record]:
    records = stores.journal.read(run)
    if not records:
        raise _no_such(run, [row.id for row in stores.journal.runs(open_only=False)])
    return records


def _read(stores: Stores, run: str, records: Sequence[Record], *, as_json: bool) -> dict[str, Any]:
    """Return what a run is; of one that cannot be read print what is known, before that is said.

    Raises:
        NotUnderstood: a newer version wrote some of it, or nobody can read a record.
    """
    from bot.chronicle import as_last_read, header
    from engine.last_read import last_read, sentence

    try:
        return header(records)
    except NotUnderstood as error:
        row = stores.journal.run(run)
        if not as_json:
            print(sentence(last_read(records, error)).replace("`", ""))
        elif row is not None:
            print_json(as_last_read(row, records, error))
        raise


def _no_such(run: str, known: Sequence[str]) -> typer.Exit:
    import difflib

    close = difflib.get_close_matches(run, known, n=1)
    hint = f"; did you mean {close[0]}?" if close else "; see hotfix-bot runs"
    return refusal(f"there is no run {run}{hint}")


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
