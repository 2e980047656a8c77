"""Each kind of message has a picture in deploy/pictures, which shows what is said today."""

import io
import re
from collections import Counter

import pytest
from PIL import Image
from playwright.async_api import Browser

from tests.browser.camera import FOLDER as SCREENSHOTS
from tests.browser.exhibits import EXHIBITS, Exhibit, kinds_in, kinds_of_all_nights
from tests.browser.pictures import ALL, FOLDER, digests, taken

PAGE = FOLDER.parent / "APPROVALS.md"
ANEW = "run `python -m tests.browser.pictures"

LARGEST_KB = 2_000
"""All pictures together: who clones this waits for them."""

NAMES = [exhibit.name for exhibit in ALL]


def test_every_kind_of_message_that_a_night_shows_has_a_picture():
    shown = set()
    for exhibit in EXHIBITS:
        records = exhibit.records()
        kinds = kinds_in(records)
        shown |= {kinds[message.key] for message in exhibit.messages(records)}
    shown |= {"to one person"}  # a scene: reminder-alone
    lacking = {kind: night for kind, night in kinds_of_all_nights().items() if kind not in shown}

    assert not lacking, f"no picture of {lacking}: add one to tests/browser/exhibits.py, {ANEW}`"


@pytest.mark.parametrize("exhibit", ALL, ids=NAMES)
def test_a_picture_shows_what_is_said_today(exhibit: Exhibit):
    assert exhibit.digest() == digests().get(exhibit.name), (
        f"{exhibit.name}.png shows what is no longer said: {ANEW} {exhibit.name}`, and look at it"
    )


def test_the_page_shows_each_picture_once_with_words_for_who_cannot_see_it():
    shown = re.findall(r"!\[([^]]*)\]\(pictures/([a-z-]+)\.png\)", PAGE.read_text())

    assert Counter(name for _, name in shown) == Counter(NAMES)
    assert all(len(words) > 20 for words, _ in shown)
    assert {path.stem for path in FOLDER.glob("*.png")} == set(NAMES), f"{ANEW}`"


def test_the_pictures_are_small():
    assert sum(path.stat().st_size for path in FOLDER.glob("*.png")) < LARGEST_KB * 1000


@pytest.mark.slow
@pytest.mark.parametrize("exhibit", ALL, ids=NAMES)
async def test_a_picture_is_taken(browser: Browser, exhibit: Exhibit):
    picture = await taken(browser, exhibit)

    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    (SCREENSHOTS / f"{exhibit.name}.png").write_bytes(picture)
    image = Image.open(io.BytesIO(picture))
    assert image.width > 400
    assert len(image.getcolors() or ()) > 10, "a message is more than paper"
