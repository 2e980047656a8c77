"""How the bot speaks through a whole night, told by Slack's own clock in virtual time."""

from itertools import pairwise
from pathlib import Path

from bot.pacing import POST_INTERVAL
from tests.simulation.effects import Effects
from tests.simulation.explore import Plot, play
from tests.simulation.loop import run_virtual
from tests.simulation.night import small_package


def test_posts_of_a_whole_night_keep_their_distance(tmp_path: Path):
    async def night() -> list[float]:
        plot = Plot(slack=True)
        stage = plot.stage(small_package(tmp_path), Effects(), tmp_path)
        await plot.before(stage)
        await play(plot, stage, [])
        assert stage.chat is not None
        posted = [float(message.ts) for message in stage.chat.messages() if message.by_app]
        await stage.close()
        return posted

    posted = run_virtual(night())

    assert len(posted) > 20
    assert min(after - before for before, after in pairwise(posted)) >= (
        POST_INTERVAL.total_seconds() - 0.001
    )
