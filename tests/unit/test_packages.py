"""The package repository: nothing leaves it that was not published exactly so."""

import hashlib
import os

import pytest

from bot.packages import PackageFolder
from engine.errors import PlanRefused
from tests.unit.archives import package

NAME = "Check_Point_R81_20_JUMBO_HF_MAIN_Bundle_T120_FULL.tgz"
CONTENT = package()
SUM = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / NAME).write_bytes(CONTENT)
    (tmp_path / f"{NAME}.sha256").write_text(f"{SUM}  {NAME}\n")
    return tmp_path


async def refusal(folder, name: str, **given: str) -> str:
    with pytest.raises(PlanRefused) as refused:
        await PackageFolder(folder).find(name, **given)
    return str(refused.value)


async def test_a_package_with_its_published_checksum_is_found(folder):
    found = await PackageFolder(folder).find(NAME)

    assert (found.name, found.sha256, found.size) == (NAME, SUM, len(CONTENT))
    assert found.path == folder / NAME


async def test_a_package_is_found_with_what_it_says_of_itself(folder):
    found = await PackageFolder(folder).find(NAME)

    assert found.config is not None
    assert (found.config.take, found.config.category) == (120, "JUMBO")
    assert found.no_config == ""


async def test_what_is_no_archive_is_refused_also_when_its_checksum_is_right(folder):
    (folder / NAME).write_bytes(b"a hotfix" * 1000)
    packages = PackageFolder(folder)
    given = hashlib.sha256(b"a hotfix" * 1000).hexdigest()

    for _ in range(2):
        with pytest.raises(PlanRefused, match="is no tar archive, packed or not, so it is not"):
            await packages.find(NAME, sha256=given)


async def test_a_checksum_in_the_command_counts_in_place_of_the_published_one(folder):
    (folder / f"{NAME}.sha256").unlink()

    assert (await PackageFolder(folder).find(NAME, sha256=SUM.upper())).sha256 == SUM
    assert "expected" in await refusal(folder, NAME, sha256="0" * 64)
    assert "is no SHA-256" in await refusal(folder, NAME, sha256="abc")


async def test_a_package_without_a_checksum_is_refused_with_what_would_be_right(folder):
    (folder / f"{NAME}.sha256").unlink()

    told = await refusal(folder, NAME)

    assert f"put {NAME}.sha256 beside it, or add `sha256 <sum>`" in told


async def test_another_content_is_refused_also_when_it_was_right_before(folder):
    packages = PackageFolder(folder)
    await packages.find(NAME)
    (folder / NAME).write_bytes(CONTENT[:-1] + b"!")

    with pytest.raises(PlanRefused, match=r"checksum of .* is .* but .* was expected"):
        await packages.find(NAME)


async def test_a_checksum_is_read_again_only_after_a_change(folder):
    packages = PackageFolder(folder)
    await packages.find(NAME)
    shown = (folder / NAME).stat()
    (folder / NAME).write_bytes(b"!" * len(CONTENT))
    os.utime(folder / NAME, ns=(shown.st_atime_ns, shown.st_mtime_ns))
    assert (await packages.find(NAME)).sha256 == SUM, "same size and time: as read before"

    os.utime(folder / NAME, ns=(shown.st_atime_ns, shown.st_mtime_ns + 1))
    with pytest.raises(PlanRefused):
        await packages.find(NAME)


@pytest.mark.parametrize(
    "name", ["../a.tgz", "/etc/passwd", "a/b.tgz", "a b.tgz", ".hidden", "-rf", "a;b", "$(a)", ""]
)
async def test_a_name_that_is_no_file_name_is_refused(folder, name):
    assert "cannot be a package's name" in await refusal(folder, name)


async def test_a_name_that_is_not_there_gets_the_nearest(folder):
    told = await refusal(folder, NAME.replace("T120", "T121"))

    assert f"did you mean {NAME}?" in told
    assert "the repository is empty" in await refusal(folder / "nowhere", NAME)


async def test_a_link_out_of_the_folder_is_not_followed(folder, tmp_path_factory):
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.tgz"
    secret.write_bytes(b"secret")
    (folder / "link.tgz").symlink_to(secret)

    assert "there is no package link.tgz" in await refusal(folder, "link.tgz")


async def test_packages_are_listed_without_what_lies_beside_them(folder):
    (folder / "notes.txt").write_text("")

    assert await PackageFolder(folder).names() == [NAME]
    assert await PackageFolder(folder / "nowhere").names() == []


@pytest.mark.parametrize("text", ["", "\n", "not a sum\n", "ab" * 31])
async def test_a_checksum_file_that_cannot_be_read_is_told(folder, text):
    (folder / f"{NAME}.sha256").write_text(text)

    assert "holds no SHA-256" in await refusal(folder, NAME)
