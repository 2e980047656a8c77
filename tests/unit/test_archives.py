"""What is inside a package: found some layers deep, and nobody is harmed by what else is there."""

import gzip
import io
import re
import tarfile
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.archives import BadArchive, Bounds, Inside, read_inside
from tests.unit.archives import CONFIG, config, link, package, tar


def inside(folder: Path, content: bytes, bounds: Bounds | None = None) -> Inside:
    path = folder / "package.tgz"
    path.write_bytes(content)
    return read_inside(path, bounds or Bounds())


def refused(folder: Path, content: bytes, bounds: Bounds | None = None) -> str:
    with pytest.raises(BadArchive) as bad:
        inside(folder, content, bounds)
    assert [*folder.iterdir()] == [folder / "package.tgz"], "something was written to disk"
    return str(bad.value)


def test_what_a_package_says_is_found_some_layers_deep(tmp_path):
    found = inside(tmp_path, package(REQUIRES_REBOOT="false")).config

    assert found is not None
    assert (found.take, found.category, found.base_version) == (120, "JUMBO", "R81.20")
    assert (found.patch_name, found.branch) == (CONFIG["PATCH_NAME"], CONFIG["BRANCH_NAME"])
    assert found.reboots is False
    assert [*tmp_path.iterdir()] == [tmp_path / "package.tgz"]


def test_the_bundles_own_config_counts_not_that_of_one_of_its_parts(tmp_path):
    found = inside(tmp_path, package()).config

    assert found is not None
    assert found.package_type == "BUNDLE"


def test_without_a_bundle_the_config_of_the_fewest_layers_counts(tmp_path):
    deep = tar({"hf.config": config(PACKAGE_TYPE="HOTFIX", TAKE_NUMBER="7")})
    found = inside(
        tmp_path,
        tar({"a.tgz": deep, "hf.config": config(PACKAGE_TYPE="HOTFIX", TAKE_NUMBER="8")}),
    ).config

    assert found is not None
    assert found.take == 8


def test_an_unpacked_tar_and_a_long_name_are_read(tmp_path):
    long = "/".join(["a" * 60] * 4) + "/hf.config"
    for kind in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        written = io.BytesIO()
        with tarfile.open(fileobj=written, mode="w", format=kind) as archive:
            info = tarfile.TarInfo(long)
            info.size = len(config())
            archive.addfile(info, io.BytesIO(config()))
        found = inside(tmp_path, written.getvalue()).config
        assert found is not None
        assert found.take == 120


def test_a_package_that_says_nothing_is_no_mistake(tmp_path):
    found = inside(tmp_path, tar({"payload.bin": b"x" * 5000}))

    assert found == Inside(None, "it has no hf.config")


def test_what_only_looks_like_an_archive_inside_is_left_alone(tmp_path):
    broken = tar({"x": b"y" * 9000})[:-100]
    found = inside(tmp_path, tar({"log.gz": b"\x1f\x8b" + b"z" * 900, "b.tgz": broken}))

    assert found.config is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a hotfix" * 1000, "is no tar archive"),
        (b"", "is no tar archive"),
        (gzip.compress(b"a hotfix" * 1000), "is no tar archive"),
        (package()[:-400], "is cut off"),
        (package()[:200] + b"\xff" * 50 + package()[250:], "cannot be unpacked|damaged|cut off"),
        (tar({"../../etc/passwd": b"x"}), "leads out of it"),
        (tar({"a/../../hf.config": config()}), "leads out of it"),
        (tar({"hf.config": link("hf.config", "/etc/passwd")}), "a link in place of hf.config"),
        (tar({"c": link("hf.config", "c", tarfile.LNKTYPE)}), "a link in place of hf.config"),
        (tar({"hf.config": b"x" * 100_000}), "has a hf.config of 100000 bytes"),
    ],
    ids=lambda value: (
        value if isinstance(value, str) else ""
    ),  # bytes hold the time they were packed
)
def test_a_hostile_or_broken_archive_is_refused_with_one_sentence(tmp_path, content, words):
    told = refused(tmp_path, content)

    assert re.search(words, told), told
    assert "\n" not in told


def test_a_bomb_is_refused_before_it_unpacks(tmp_path):
    bomb = tar({"big": bytes(90_000_000), "hf.config": config()})

    assert len(bomb) < 100_000
    assert "unpacks to more than 100 times" in refused(tmp_path, bomb)
    assert "unpacks to more than" in refused(tmp_path, tar({"next.tgz": bomb}))
    many = Bounds(least=1024 * 1024)
    assert "unpacks to more than" in refused(tmp_path, tar({"big": bytes(9_000_000)}), many)


def test_archives_inside_of_each_other_and_endless_files_are_refused(tmp_path):
    nested = tar({"hf.config": config()})
    for _ in range(8):
        nested = tar({"next.tgz": nested + bytes(1024)})
    assert "archives inside of each other" in refused(tmp_path, nested)

    many = tar({f"f{n}": b"" for n in range(300)})
    assert "more than 200 files" in refused(tmp_path, many, Bounds(entries=200))


def test_a_huge_name_is_refused_before_it_is_read(tmp_path):
    info = tarfile.TarInfo("pax")
    header = tarfile.TarInfo("././@PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, 8 * 1024**3 - 1
    content = header.tobuf(tarfile.USTAR_FORMAT) + bytes(2048) + info.tobuf()

    assert "a name that is too long" in refused(tmp_path, content)


def test_when_the_time_is_over_what_was_found_so_far_counts(tmp_path):
    found = inside(tmp_path, package(), Bounds(within=timedelta(seconds=-1)))

    assert found.config is None
    assert "was found within" in found.why


def test_odd_lines_of_a_config_are_not_taken_for_what_they_are_not(tmp_path):
    odd = b'17\n TAKE_NUMBER = "9"\nTAKE_NUMBER=10\nCATEGORY:JUMBO;\nREBOOT=maybe\nX\xff=\x00\n'
    found = inside(tmp_path, tar({"hf.config": odd})).config

    assert found is not None
    assert (found.take, found.category, found.reboots) == (9, "JUMBO", None)


@given(st.lists(st.tuples(st.integers(0, 10_000), st.binary(min_size=1, max_size=24)), max_size=6),
       st.booleans(), st.integers(0, 600))  # fmt: skip
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_however_an_archive_is_damaged_it_is_read_or_refused(damages, packed, cut):
    content = bytearray(package() if packed else gzip.decompress(package()))
    for at, garbage in damages:
        where = at % len(content)
        content[where : where + len(garbage)] = garbage
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "package.tgz"
        path.write_bytes(content[: len(content) - cut])
        with suppress(BadArchive):
            found = read_inside(path, Bounds(least=1024 * 1024))
            assert found.config is None or found.why == ""
