"""A process that writes until it is killed: `python -m tests.contract.writer URL`.

It writes one line for each append that was acknowledged.
"""

import sys
from datetime import UTC, datetime

from storage.records import HOUSE, Draft, InboxRow, RunRow
from storage.stores import open_stores

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def write(url: str) -> None:
    stores = open_stores(url, acting=True)
    lease = stores.leases.acquire("group:g", "writer", ttl_s=3600, now=NOW)
    index = RunRow("run-1", "g", "install", open=True, occupies=True, wake_at=NOW)
    seq = 0
    while True:
        stores.inbox.put(InboxRow(f"w{seq}", "run-1", "retry", {}, NOW))
        drafts = [Draft("INTENDED", NOW, "engine", {"n": seq}), Draft("DONE", NOW, "engine")]
        records = stores.journal.append(
            "run-1",
            drafts,
            lease=lease,
            last_seq=seq,
            index=index,
            take=[f"w{seq}"],
            also={HOUSE: [Draft("OWED", NOW, "engine", {"n": seq})]},
        )
        seq = records[-1].seq
        sys.stdout.write(f"{seq}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    write(sys.argv[1])
