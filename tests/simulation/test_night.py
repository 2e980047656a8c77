"""One undisturbed night, and nights with one fault each."""

from pathlib import Path

import pytest

from engine import promises
from engine.journal import RunState
from tests.simulation.loop import run_virtual
from tests.simulation.night import Night, small_package


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return small_package(tmp_path)


def test_an_install_goes_from_order_to_done(package: Path):
    async def night() -> tuple[RunState, dict, dict]:
        stage = Night(package)
        stage.begin()
        stage.order()
        state = await stage.until_over()
        report = stage.group.report()
        verdict = promises.explained(stage.records())
        for r in stage.records():
            print(
                r.seq,
                r.at.time(),
                r.kind,
                {
                    k: v
                    for k, v in r.body.items()
                    if k not in ("plan", "facts", "before", "evidence", "request")
                },
            )
        print(stage.said.texts)
        await stage.close()
        return state, report, verdict

    state, report, verdict = run_virtual(night())
    print(verdict)
    print(report["objections"], report["unsupported"])
    assert state.hold is None
    assert state.ended is not None
    assert state.ended["state"] == "done"
