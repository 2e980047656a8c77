"""The home shows something of each of its parts, however long one of them is."""

from bot.localslack.methods.views import check_view
from bot.views.format import button, length
from bot.views.home import GroupLine, Home, ScheduledLine, home

TITLES = ["Waiting for you", "Running", "Scheduled", "Security Groups", "Ended last"]


def shown(count: int, longest: int) -> Home:
    groups = [GroupLine(f"site-{n}", "C0000FWOPS0", looked="l" * longest) for n in range(count)]
    stop = button("Cancel", "word:abort", "hf-1", "Cancel it", style="danger")
    return Home(
        waiting=["w" * longest for _ in range(count)],
        groups=groups,
        running=["r" * longest for _ in range(count)],
        ended=["e" * longest] * 5,
        scheduled=[ScheduledLine("s" * longest, stop) for _ in range(count)],
    )


def parts(view) -> dict[str, str]:
    """Return what stands below each heading."""
    found: dict[str, str] = {}
    title = ""
    for block in view["blocks"]:
        if block["type"] == "header":
            title = block["text"]["text"]
            found[title] = ""
        else:
            found[title] += str(block)
    return found


def test_with_a_hundred_of_everything_each_part_is_there_and_says_what_is_cut():
    view = home(shown(100, 350))

    told = parts(view)
    assert list(told) == TITLES
    for title, letter in zip(TITLES, "wrsle", strict=True):
        assert letter * 350 in told[title], title
    for title in TITLES[:4]:
        assert "`/hotfix status` tells it all" in told[title], title
    assert "Votes are given at the message of a gate" in told["Ended last"]
    assert len(view["blocks"]) <= 100
    assert length(view["blocks"]) <= 13_200
    check_view(view, "home")


def test_what_short_parts_leave_a_long_one_has():
    view = home(Home(["w" * 400 for _ in range(25)], [], [], []))

    assert parts(view)["Waiting for you"].count("w" * 400) == 25
    assert "does not fit" not in str(view)
    assert list(parts(view)) == [title for title in TITLES if title != "Scheduled"]
