"""Archives for tests, as packages are made: tar in tar, packed or not."""

import io
import tarfile

CONFIG = {
    "PATCH_NAME": "BUNDLE_R81_20_JUMBO_HF_MAIN",
    "TAKE_NUMBER": "120",
    "BRANCH_NAME": "R81_20_jumbo_hf_main",
    "PACKAGE_TYPE": "BUNDLE",
    "ARCH": "x86_64",
    "CATEGORY": "JUMBO",
    "DIRECT_BASE_VERSION": "R81.20",
}


def config(**changes: str) -> bytes:
    """The text of an hf.config; its first line counts the bytes that follow."""
    said = {**CONFIG, **changes}
    lines = "".join(f"{key}={value}\n" for key, value in said.items() if value).encode()
    return f"{len(lines)}\n".encode() + lines


def tar(files: dict[str, bytes | tarfile.TarInfo], *, packed: bool = True) -> bytes:
    """A tar archive of these files; a TarInfo is an entry without content."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz" if packed else "w") as archive:
        for name, content in files.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            data = b"" if isinstance(content, tarfile.TarInfo) else content
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return written.getvalue()


def link(name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    """A link in an archive."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


def package(**changes: str) -> bytes:
    """A bundle: hf.config two layers deep, beside a payload with a config of its own."""
    part = tar({"part/hf.config": config(PACKAGE_TYPE="HOTFIX", TAKE_NUMBER="7", CATEGORY="MISC")})
    inner = tar({"payload.bin": b"\0payload" * 999, "hf.config": config(**changes)}, packed=False)
    return tar({"parts/part.tgz": part, "./CheckPoint/bundle.tar": inner})
