"""Packages and logins: nothing is installed that is not what it says, or where nobody can tell."""

from tests.mutation.trials import safety

ARCHIVES = "bot/archives.py"
HOSTILE = ("unit/test_archives.py::test_a_hostile_or_broken_archive_is_refused_with_one_sentence",)
BOUNDS = "unit/test_archives.py::test_archives_inside_of_each_other_and_endless_files_are_refused"
KINDS = "engine/packages.py"
BOTH = "unit/test_package_kinds.py::test_a_config_that_contradicts_the_name_is_refused_with_both"
UPLOADS = "engine/uploads.py"
WAY = "simulation/test_uploads.py"
LOGINS = "engine/logins.py"
BESIDE = "simulation/test_hotfix_beside.py"
EXPERT = "ssh/test_logins.py"
DEVICES = "simulation/test_other_devices.py"
SPELLINGS = "unit/test_spellings.py"

SAFETIES = (
    safety(
        "who still lacks the package is named to the import",
        promise="P10",
        why="An import that reaches one member alone would hold at every retry.",
        file="engine/steps/preparing.py",
        old="duty.plan.left_out or len(lacking) < len(seen)",
        new="duty.plan.left_out",
        by=(
            "simulation/test_other_devices.py"
            "::test_a_retry_names_the_members_that_an_import_did_not_reach",
        ),
    ),
    safety(
        "a take that contradicts the name is refused",
        promise="P10",
        why="Another take than the one that was approved would be installed.",
        file=KINDS,
        old="    if said is not None and named.take not in (None, said):\n",
        new="    if False:\n",
        by=(BOTH,),
    ),
    safety(
        "a version that contradicts the name is refused",
        promise="P10",
        why="It is for other machines than these.",
        file=KINDS,
        old="        if found and named.version and _spelled(found) != named.version:\n",
        new="        if False:\n",
        by=(BOTH,),
    ),
    safety(
        "a kind that contradicts the name is refused",
        promise="P10",
        why="What is expected of it afterwards would be expected of another sort.",
        file=KINDS,
        old="    if named.kind not in (None, kind):\n",
        new="    if False:\n",
        by=(BOTH,),
    ),
    safety(
        "a hotfix beside the Jumbo must be listed at the end",
        promise="P10",
        why="The take does not show whether it is there.",
        file="engine/steps/finishing.py",
        old="    _is_listed_as_it_should(duty, concerned)\n",
        by=("simulation/test_hotfix_beside.py::test_a_hotfix_that_nobody_lists_at_the_end_holds",),
    ),
    safety(
        "cloning stays off while half of the group has a hotfix",
        promise="P5",
        why="Both halves show one take; who restarts next loses the hotfix, or gets it.",
        file="engine/invariants.py",
        old="    if len(has) == 1 and PackageState.UNKNOWN not in states.values():\n",
        new="    if True:\n",
        by=(f"{BESIDE}::test_cloning_stays_off_and_owed_while_half_of_the_group_has_the_hotfix",),
    ),
    safety(
        "what members may differ in is owed with cloning",
        promise="P5",
        why="A later run about another package would give it back to two unlike halves.",
        file="engine/steps/preparing.py",
        old='    former = debt.get("packages", ()) if debt is not None else ()\n',
        new="    former = ()\n",
        by=(f"{BESIDE}::test_a_later_run_about_something_else_owes_it_too",),
    ),
    safety(
        "a package is asked about by the name that its member lists",
        promise="P10",
        why="What came as .tar is not found there, so a run that has ended has no way back.",
        file="engine/facts.py",
        old="(one for one, _ in listed if package_stem(one) == wanted)",
        new="(one for one in () if one == wanted or not name)",
        by=(
            "simulation/test_uninstalls.py::"
            "test_a_package_that_came_as_tar_is_asked_about_by_the_name_that_is_listed",
        ),
    ),
    safety(
        "a package that unpacks without end is refused",
        promise="P7",
        why="The bot would be busy, or dead, while people say stop.",
        file=ARCHIVES,
        old="        if self._unpacked > max(self.bounds.least, self.bounds.growth * self.size):\n",
        new="        if False:\n",
        by=("unit/test_archives.py::test_a_bomb_is_refused_before_it_unpacks",),
    ),
    safety(
        "a package is read only so many layers deep",
        promise="P7",
        why="The bot would be busy, or dead, while people say stop.",
        file=ARCHIVES,
        old="        if layer > self.bounds.layers:\n",
        new="        if False:\n",
        by=(BOUNDS,),
    ),
    safety(
        "a name in a package that is too long is not read",
        promise="P7",
        why="It would be read into memory whole, gigabytes of it.",
        file=ARCHIVES,
        old="            if part.size > reading.bounds.config:\n",
        new="            if False:\n",
        by=("unit/test_archives.py::test_a_huge_name_is_refused_before_it_is_read",),
    ),
    safety(
        "a file that leads out of its package is refused",
        promise="P10",
        why="It was made to do harm where somebody unpacks it.",
        file=ARCHIVES,
        old='        if ".." in name.split("/"):\n',
        new="        if False:\n",
        by=HOSTILE,
    ),
    safety(
        "a file that arrived damaged is not imported",
        promise="P10",
        why="What would be installed is not what was published.",
        file=UPLOADS,
        old='        if found == package.sha256:\n            await duty.done(step, how="acted"',
        new='        if True:\n            await duty.done(step, how="acted"',
        by=(f"{WAY}::test_a_file_that_arrives_damaged_twice_is_removed_and_holds",),
    ),
    safety(
        "a file that arrived damaged is removed before it is sent again",
        promise="P10",
        why="Resuming would go on behind what is damaged.",
        file=UPLOADS,
        old="        await duty.group.remove_upload_here(package)\n",
        by=(f"{WAY}::test_a_file_that_arrives_damaged_twice_is_removed_and_holds",),
    ),
    safety(
        "nothing is uploaded where there is no room",
        promise="P1",
        why="A full disk stops more than the upload, on a member that carries traffic.",
        file=UPLOADS,
        old="    if free is not None and free * MB <= needed:\n",
        new="    if False:\n",
        by=(f"{WAY}::test_without_room_nothing_is_sent",),
    ),
    safety(
        "the file stays while a member imports from it",
        promise="P3",
        why="The import of that member would fail when nobody looks any more.",
        file=UPLOADS,
        old="    if busy := importing(concerned):\n",
        new="    if busy := ():\n",
        by=(f"{WAY}::test_the_file_is_not_removed_while_a_member_imports_from_it",),
    ),
    safety(
        "without the expert password nothing is done",
        promise="P9",
        why="There would be no fence, and nobody could tell whether an installation had begun.",
        file=LOGINS,
        old="            raise ConditionFailed(self._login.lacking)\n",
        new="            pass\n",
        by=(f"{EXPERT}::test_without_a_password_nothing_is_sent_and_the_reason_names_the_fence",),
    ),
    safety(
        "a line without an end does not hide where a command ends",
        promise="P10",
        why="Where logins end in gClish, no list of `da_cli` would ever end, with the group down.",
        file=LOGINS,
        old="s=$?; echo; echo",
        new="s=$?; echo",
        by=(f"{EXPERT}::test_text_without_a_last_line_end_ends_and_comes_as_it_was_printed",),
    ),
    safety(
        "a refused password is not tried again",
        promise="P11",
        why="Each look would try it, until the account is locked at night.",
        file=LOGINS,
        old='                known.refusal = "refused the expert password"\n',
        new='                raise ConditionFailed("refused the expert password, and it is not")\n',
        by=(
            f"{EXPERT}::test_a_wrong_password_is_tried_once_and_shown_nowhere",
            f"{EXPERT}::test_of_two_sessions_that_begin_at_once_only_one_tries_a_wrong_password",
        ),
    ),
    safety(
        "a password that anything but Expert answers is not typed again",
        promise="P11",
        why="A refusal in other words would be tried at each look, until the account is locked.",
        file=LOGINS,
        old='            self.refusal = f"answered the expert password with {said!r}"\n',
        new="            pass\n",
        by=(f"{EXPERT}::test_whatever_answers_the_password_but_expert_it_is_typed_once",),
    ),
    safety(
        "a password that nothing answers is not typed for ever",
        promise="P11",
        why="A device that refuses by hanging up would lock the account.",
        file=LOGINS,
        old="            self.unanswered += 1\n",
        new="            pass\n",
        by=(
            f"{EXPERT}::"
            "test_a_session_that_breaks_behind_the_password_is_followed_by_one_more_and_no_third",
        ),
    ),
    safety(
        "a password that one member refuses is still typed for the group",
        promise="P1",
        why="Nobody would look at the group while a part of it is down.",
        file=LOGINS,
        old="        return self._places.setdefault(place, _Place())\n",
        new='        return self._places.setdefault("", _Place())\n',
        by=(f"{EXPERT}::test_a_member_that_refuses_the_password_blinds_nobody_for_the_group",),
    ),
    safety(
        "a refused password is tried once more for another order",
        promise="P7",
        why="Where there is no run to retry, nothing could be ordered before a new process.",
        file="engine/orders.py",
        old="        setup.asked_again()\n",
        by=(
            "simulation/test_gclish.py::"
            "test_a_password_that_was_refused_for_one_order_is_tried_once_for_the_next",
        ),
    ),
    safety(
        "a refused password is tried once more where a person asks for it",
        promise="P7",
        why="A night would need a new process where the device was at fault for a minute.",
        file="engine/verbs.py",
        old="    duty.asked_again()\n    again =",
        new="    again =",
        by=(
            "simulation/test_gclish.py::"
            "test_a_password_that_is_refused_in_the_night_holds_once_and_goes_on_at_a_retry",
        ),
    ),
    safety(
        "the expert password is typed only where it is asked for",
        promise="P11",
        why="It would be shown, and be taken for the answer to something else.",
        file=LOGINS,
        old='r"(?:^|\\n)Enter expert password:\\s*\\Z"',
        new='r"(?i)password"',
        by=(f"{EXPERT}::test_an_unknown_prompt_is_never_answered",),
    ),
    safety(
        "what a login shows is kept without the password",
        promise="P11",
        why="A device that echoes it would have it written into the journal.",
        file=LOGINS,
        old="        return shown.replace(self._secret, REDACTED) if self._secret else shown\n",
        new="        return shown\n",
        by=(f"{EXPERT}::test_an_unknown_prompt_is_never_answered",),
    ),
    safety(
        "a login that ends elsewhere than the settings say is refused",
        promise="P6",
        why="What is typed there would mean something else, or nothing.",
        file=LOGINS,
        old='                raise _contradicted(self._login, "the Expert shell", EXPERT)\n',
        new="                return terminal\n",
        by=(f"{EXPERT}::test_a_login_that_ends_elsewhere_than_the_settings_say_is_refused",),
    ),
    safety(
        "expert passwords are kept out of journal, log and Slack",
        promise="P11",
        why="Whoever reads a log could log in.",
        file="bot/config/secrets.py",
        old="(*slack, *self._expert.values())",
        new="slack",
        by=(
            "unit/test_config.py::"
            "test_the_expert_password_comes_from_the_environment_and_is_one_to_redact",
        ),
    ),
    safety(
        "what does not say a take is not a take of zero",
        promise="P6",
        why="An error would read as a member that lost its Jumbo, and a rollback be offered.",
        file="engine/gaia/readings.py",
        old="    if not takes and (",
        new="    if False and (",
        by=(f"{SPELLINGS}::test_what_does_not_say_one_take_is_neither_that_nor_a_take_of_zero",),
    ),
    safety(
        "a Jumbo is one in lower case too",
        promise="P10",
        why="Members that came back as they should would seem to have lost it.",
        file="engine/gaia/readings.py",
        old='_JUMBO = re.compile(r"(?:JUMBO_HF|JHF)(?:_T(\\d+))?", re.IGNORECASE)',
        new='_JUMBO = re.compile(r"(?:JUMBO_HF|JHF)(?:_T(\\d+))?")',
        by=(
            f"{SPELLINGS}::test_the_take_is_that_of_the_jumbo_and_of_smo_where_products_are_told_"
            "apart",
        ),
    ),
    safety(
        "a take that cannot be read is no member that left",
        promise="P1",
        why="A group would be brought up, and people called, for a word of cpinfo.",
        file="engine/gaia/probe.py",
        old='take=_take(own["take"]),',
        new='take=read_take(own["take"]),',
        by=(
            "simulation/test_holds.py::test_a_take_that_cannot_be_read_for_a_while_moves_no_"
            "traffic",
        ),
    ),
    safety(
        "a take that cannot be read is waited for after a restart",
        promise="P10",
        why="It would count as a wrong one, and a rollback be offered.",
        file="engine/steps/changing.py",
        old="elif expected is not None and member.take is None:",
        new="elif False:",
        by=(
            "simulation/test_holds.py::test_a_take_that_cannot_be_read_for_a_while_moves_no_"
            "traffic",
        ),
    ),
    safety(
        "where no take can be read nothing is planned",
        promise="P10",
        why="Nobody could tell whether the package is newer than what is there.",
        file="engine/planner.py",
        old="    if take is None:\n        raise PlanRefused(",
        new="    if take is None and not facts.members:\n        raise PlanRefused(",
        by=(
            "unit/test_planner.py::test_what_is_unsupported_is_refused_with_a_sentence_that_says_"
            "why",
        ),
    ),
    safety(
        "two takes of a Jumbo are not the higher one",
        promise="P10",
        why="A member on which half of it was changed would count as done.",
        file="engine/gaia/readings.py",
        old="if take is None or takes.setdefault(name.lower(), int(take[1])) != int(take[1]):",
        new="takes[name.lower()] = int(take[1]) if take else 0\n        if take is None:",
        by=(f"{SPELLINGS}::test_what_does_not_say_one_take_is_neither_that_nor_a_take_of_zero",),
    ),
    safety(
        "the take is that of SMO",
        promise="P10",
        why="Of several products the highest would count, whatever the rest is at.",
        file="engine/gaia/readings.py",
        old="said = smo[1] if smo else text",
        new="said = text",
        by=(
            f"{SPELLINGS}::test_the_take_is_that_of_the_jumbo_and_of_smo_where_products_are_told_"
            "apart",
        ),
    ),
    safety(
        "what wraps below a row that cannot be read is of no other member",
        promise="P6",
        why="The member above it would be said to be what another one is.",
        file="engine/gaia/installer.py",
        old='            member = "" if line.strip().startswith("|") else member\n',
        new="            continue\n",
        by=(f"{SPELLINGS}::test_what_wraps_below_a_row_that_cannot_be_read_is_of_no_other_member",),
    ),
    safety(
        "a verification that was aborted is refused whatever the table says",
        promise="P6",
        why="Nothing would have been verified.",
        file="engine/group.py",
        old=" or installer.ABORTED in refused:",
        new=":",
        by=(
            f"{SPELLINGS}::test_a_verification_that_was_aborted_is_refused_whatever_the_table_says",
        ),
    ),
    safety(
        "a refusal without a table is told in the device's words",
        promise="P6",
        why="Whoever is called reads that there was no table, and not who holds the lock.",
        file="engine/gaia/installer.py",
        old="    if not frames and (why := refusal_lines(text)):\n",
        new='    if not frames and (why := ""):\n',
        by=(f"{DEVICES}::test_an_installer_that_is_locked_out_is_told_in_the_devices_words",),
    ),
    safety(
        "what helps against a lock is told where a group is DOWN",
        promise="P6",
        why="It would stay DOWN for a lock that one command takes over.",
        file="engine/gaia/dialogues.py",
        old='{why}{lock_hint(why)}")',
        new='{why}")',
        by=(f"{DEVICES}::test_an_installer_that_is_locked_out_is_told_in_the_devices_words",),
    ),
    safety(
        "a database that is not up yet is asked again",
        promise="P4",
        why="People would be called for what passes by itself.",
        file="engine/gaia/refusals.py",
        old="|not ready for|Security Group from db",
        new="|not ready for",
        by=(f"{DEVICES}::test_a_database_that_is_not_up_yet_is_asked_again_without_a_person",),
    ),
)
