"""Facts, plans and records for tests, small and whole."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from engine.facts import CpuseAction, GroupFacts, InstalledPolicy, MemberFacts, PackageState
from engine.model import PackageRef, Plan, Request
from engine.planner import plan_install
from engine.policy import GatePolicy, Policy
from storage.records import GENESIS, Record, record_hash

NOW = datetime(2026, 3, 2, 22, 0, tzinfo=UTC)
NAME = "Check_Point_R81_20_JUMBO_HF_MAIN_Bundle_T120_FULL.tgz"
PACKAGE = PackageRef(NAME, "ab" * 32, 3_000_000, "/packages/" + NAME, "R81.20", 120)
REQUEST = Request("install", "site-1", NAME, "U0RITA0001", "C0FIREWALL", "rita")
POLICY = Policy(
    proposal=GatePolicy(votes=1, voters=("network",)),
    failover=GatePolicy(votes=2, voters=("network", "firewall")),
)


def member(number: int, **changes: Any) -> MemberFacts:
    """A healthy member at take 99 that has the package in its list."""
    healthy = MemberFacts(
        id=f"1_{number}",
        state="ACTIVE",
        answered=True,
        own_state="ACTIVE",
        boot_id=f"boot-{number}",
        take=99,
        packages=((NAME, PackageState.AVAILABLE),),
        policy=InstalledPolicy("Standard", "12Mar24 10:51", "9107a1ef3"),
        auto_clone=False,
        agent_build="2672",
        agent_busy=False,
        action=CpuseAction(7, "Verify", "success", 100, ""),
        session_open=False,
    )
    return replace(healthy, **changes)


def facts(*changed: MemberFacts, count: int = 4, **changes: Any) -> GroupFacts:
    """A healthy group, with some members replaced."""
    by_id = {m.id: m for m in changed}
    members = tuple(by_id.get(f"1_{n}", member(n)) for n in range(1, count + 1))
    whole = GroupFacts(NOW, "1_1", "R81.20", "Maestro", "Gateway", "1_1", True, members)
    return replace(whole, **changes)


def without_package(**changes: Any) -> GroupFacts:
    """A group that has never seen the package."""
    return facts(*(member(n, packages=()) for n in range(1, 5)), **changes)


def plan(**changes: Any) -> Plan:
    """The plan of an installation on four members."""
    made = plan_install("hf-000001", REQUEST, PACKAGE, without_package(), POLICY)
    return replace(made, **changes)


def records(*drafts: tuple[str, dict[str, Any]], epoch: int = 1) -> list[Record]:
    """Chain (kind, body) pairs into a stream, a second apart."""
    chained: list[Record] = []
    prev = GENESIS
    for seq, (kind, body) in enumerate(drafts, start=1):
        at = NOW.replace(minute=seq // 60, second=seq % 60)
        fields: dict[str, Any] = {
            "stream": "hf-000001",
            "seq": seq,
            "epoch": epoch,
            "kind": kind,
            "at": at,
            "by": "engine",
            "body": body,
            "prev": prev,
        }
        prev = record_hash(**fields)
        chained.append(Record(**fields, hash=prev))
    return chained
