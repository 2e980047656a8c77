"""A PostgreSQL server that somebody changed, or that a pooler stands before (P8, P9)."""

from tests.mutation.trials import safety

STORES = "contract/test_stores.py"
POSTGRES = "storage/postgres.py"
SERVERS = "contract/test_servers.py"
PUT_RIGHT = f"{SERVERS}::test_what_an_administrator_changed_is_down_and_over_once_it_is_put_right"

SAFETIES = (
    safety(
        "a server that failed us gets new sessions",
        promise="P8",
        why="A session that began read-only stays so: every write would fail until somebody ends"
        " it, with members down.",
        file="storage/database.py",
        old="                self._reader.dispose()  # sessions",
        new="                pass  # sessions",
        by=(PUT_RIGHT,),
    ),
    safety(
        "a right or a table taken away is the database that is down",
        promise="P8",
        why="Each look would fail as a mistake of ours, and nobody hear who is down and what"
        " brings them up.",
        file=POSTGRES,
        old='    return getattr(error, "sqlstate", None) in ITS_STATE\n',
        new="    return False\n",
        by=(PUT_RIGHT,),
    ),
    safety(
        "a server that lets us only read is found out",
        promise="P8",
        why="/readyz would say that it answers, and the worker that it is back, while no write"
        " succeeds.",
        file="storage/stores.py",
        old="        if self._database.embedded:\n            self.journal.runs()\n",
        new="        if True:\n            self.journal.runs()\n",
        by=(PUT_RIGHT,),
    ),
    safety(
        "/readyz asks whether the database can be written",
        promise="P8",
        why="Read-only it answers every look, and a balancer would go on sending people here.",
        file="bot/wiring.py",
        old="base.health.database(base.stores.try_out)",
        new="base.health.database(base.stores.journal.runs)",
        by=("slack/test_health.py::test_a_database_that_can_only_be_read_makes_it_not_ready",),
    ),
    safety(
        "the database is back when every table takes what we write",
        promise="P8",
        why="With one right still missing a run would be told each minute that it goes on.",
        file="engine/worker.py",
        old="        await asyncio.to_thread(self._stores.try_out)\n",
        by=(
            "simulation/test_surroundings.py::test_a_database_is_not_back_while_records_are_refused",
        ),
    ),
    safety(
        "nothing is prepared in a session",
        promise="P8",
        why="Behind a pooler the next statement goes to a session that does not know it, and the"
        " run ends broken.",
        file=POSTGRES,
        old='"prepare_threshold": None, ',
        by=(f"{SERVERS}::test_behind_a_pooler_nothing_rests_on_a_session",),
    ),
    safety(
        "every transaction that writes insists on durable commits and limits",
        promise="P9",
        why="Behind a pooler it may have a session of the server's own settings: an intent that"
        " was committed would be lost with the power.",
        file=POSTGRES,
        old='    event.listen(engine, "begin", _insist)\n',
        by=(
            f"{SERVERS}::test_behind_a_pooler_every_transaction_that_writes_is_durable_and_waits_"
            "for_no_lock_for_ever",
        ),
    ),
    safety(
        "moments are told as the driver reads them",
        promise="P8",
        why="A role with another date style would make every look at a record fail.",
        file=POSTGRES,
        old="    cursor.execute(\"SET datestyle = 'ISO'\")\n",
        by=(f"{SERVERS}::test_what_sessions_begin_with_changes_nothing_that_is_read",),
    ),
    safety(
        "text is UTF-8 on the way to the server and back",
        promise="P8",
        why="A role with another encoding would make a record in any other language fail.",
        file=POSTGRES,
        old=', "client_encoding": "UTF8"}',
        new="}",
        by=(f"{SERVERS}::test_what_sessions_begin_with_changes_nothing_that_is_read",),
    ),
    safety(
        "a database that does not know what it keeps is refused",
        promise="P8",
        why="It would give back other text than was hashed.",
        file=POSTGRES,
        old='        if connection.info.parameter_status("server_encoding") == "SQL_ASCII":\n',
        new="        if False:\n",
        by=(f"{SERVERS}::test_a_database_that_does_not_know_what_it_keeps_is_refused",),
    ),
    safety(
        "no lease of a database outlives one life from now",
        promise="P9",
        why="After a failover to a server whose clock lags by hours, a dead worker keeps its group"
        " for as long, and nobody brings it up.",
        file="storage/leases.py",
        old="                    row.expires_at = _lease(row).within_its_life(moment).expires_at\n",
        by=(f"{STORES}::test_no_lease_outlives_a_life_from_now_whatever_the_clock_was",),
    ),
    safety(
        "a lease from a clock that went back is cut short, not given away",
        promise="P9",
        why="Whoever has it may live and be in the middle of a dialogue.",
        file="storage/leases.py",
        old="                if row.holder and row.expires_at > moment:\n",
        new="                if row.holder and until >= row.expires_at > moment:\n",
        by=(f"{STORES}::test_no_lease_outlives_a_life_from_now_whatever_the_clock_was",),
    ),
    safety(
        "a lease is measured by the life that its holder gave it",
        promise="P9",
        why="A standby with a shorter life would take a group from a worker in a dialogue.",
        file="storage/records.py",
        old="longest = moment + timedelta(seconds=self.life_s)\n",
        new="longest = moment + timedelta(seconds=min(self.life_s, 15))\n",
        by=(f"{STORES}::test_a_lease_lasts_as_long_as_its_holder_says_and_not_who_asks",),
    ),
    safety(
        "a lease from a clock that went back is held by nobody until it is renewed",
        promise="P8",
        why="Where no worker is left, nobody would hear for hours that a group is down.",
        file="storage/records.py",
        old=" or lease.expires_at > lease.within_its_life(moment).expires_at + A_MOMENT:\n",
        new=":\n",
        by=(
            f"{STORES}::test_a_lease_that_would_last_longer_than_its_life_is_held_by_nobody",
            "simulation/test_unattended.py::test_that_no_worker_is_left_is_told_also_where_the_"
            "databases_clock_went_back",
        ),
    ),
)
