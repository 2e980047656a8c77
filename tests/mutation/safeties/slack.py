"""Towards Slack: nothing heard is lost, nothing said twice, no secret told (P2, P11, P12)."""

from tests.mutation.trials import safety

PEOPLE = "bot/people.py"
POSTING = "bot/speaking/posting.py"
SPEAKING = "slack/test_speaker.py"
WHO = "slack/test_people.py"
HEARING = "slack/test_app.py"

CONFIRMING = "slack/test_confirming.py"

SAFETIES = (
    safety(
        "an order with a time is said back before it is stored",
        promise="P2",
        why="A slip of the day or the zone would be found out on that night.",
        file="bot/hearing.py",
        old="                if command.appointment is not None:\n",
        new="                if False:\n",
        by=(
            f"{CONFIRMING}::"
            "test_an_order_with_a_time_is_said_back_in_both_zones_and_stores_nothing",
        ),
    ),
    safety(
        "nobody gives an order with a time in somebody else's name",
        promise="P2",
        why="Whoever did not order it would not approve it, and four eyes would be two.",
        file="bot/hearing.py",
        old='        if asked.user != to["user"]:\n',
        new="        if False:\n",
        by=(
            f"{CONFIRMING}::test_nobody_presses_for_somebody_else_or_elsewhere_or_what_is_no_order",
        ),
    ),
    safety(
        "an order that is confirmed after its time is refused",
        promise="P2",
        why="Who pressed it believes that it is carried out at a moment that has passed.",
        file="bot/hearing.py",
        old="            if late:\n                raise Mistake(late)\n",
        by=(f"{CONFIRMING}::test_who_presses_too_late_has_ordered_nothing",),
    ),
    safety(
        "a time that passed before it was read back moves nothing",
        promise="P2",
        why="A night that is over would be asked for again, or another one than was meant.",
        file="bot/hearing.py",
        old="            raise Mistake(gone)\n",
        new="            pass\n",
        by=(f"{CONFIRMING}::test_a_time_that_passed_before_it_was_read_back_moves_nothing",),
    ),
    safety(
        "an order is carried out at the moment that was shown, or not at all",
        promise="P2",
        why="With other settings the words mean another moment than somebody agreed to.",
        file="bot/hearing.py",
        old=" and asked.means(order.appointment):",
        new=":",
        by=(
            f"{CONFIRMING}::test_where_the_words_would_mean_another_moment_now_nothing_is_ordered",
        ),
    ),
    safety(
        "a stop that stands in the thread is heard before any vote counts",
        promise="P7",
        why="Slack may lose an event, and the failover would begin within seconds.",
        file="bot/people.py",
        old="        if unheard:\n            raise StopUnheard",
        new="        if False:\n            raise StopUnheard",
        by=(
            "slack/test_people.py::"
            "test_a_stop_whose_event_was_lost_is_heard_once_before_any_vote_counts[halt]",
        ),
    ),
    safety(
        "a stop that was made by an edit is heard",
        promise="P7",
        why="Whoever mends `hatl` into `halt` would stop nothing, and be told nothing.",
        file="bot/hearing.py",
        old="        if heard.row is None or not edit:\n",
        new="        if True:\n",
        by=("slack/test_threads.py::test_a_stop_made_by_an_edit_is_heard_once[socket-hatl]",),
    ),
    safety(
        "what lets something go on is heard once, however often it is edited",
        promise="P12",
        why="A `retry` whose author mends a comma would be done twice.",
        file="bot/hearing.py",
        old="        if _is_heard_again(heard.row):\n",
        new="        if True:\n",
        by=(
            "slack/test_threads.py::"
            "test_what_goes_on_is_heard_once_and_of_an_edit_its_author_is_told[socket-retry]",
        ),
    ),
    safety(
        "a stop is read also where it is written in haste",
        promise="P7",
        why="Who writes `halt!` would be answered with a lesson while the night goes on.",
        file="bot/commands/reading.py",
        old="    if stop is not None:\n        return stop\n",
        by=(
            "unit/test_commands.py::"
            "test_in_a_thread_a_halt_is_read_however_hasty_it_is_written[<@U0000HOTFIX> halt!]",
        ),
    ),
    safety(
        "a stop is for the group that was typed, also where Slack takes its name for an address",
        promise="P7",
        why="A halt of another group would stop the run of this thread, and that group goes on.",
        file="bot/commands/reading.py",
        old="    text = _LINK.sub(_as_typed, text)\n",
        by=(
            "unit/test_commands.py::"
            "test_a_group_that_slack_takes_for_an_address_is_the_one_that_was_typed"
            "[<http://fw1.example.com|fw1.example.com>]",
        ),
    ),
    safety(
        "a yes is taken back also in haste",
        promise="P2",
        why="Who writes `withdraw!` believes to have stopped the failover, and it begins.",
        file="bot/commands/reading.py",
        old='_STOPS = ("halt", "pause", "reject", "withdraw")',
        new='_STOPS = ("halt", "pause", "reject")',
        by=(
            "slack/test_people.py::test_a_yes_is_taken_back_however_hasty_that_is_written[withdraw!]",
        ),
    ),
    safety(
        "an approval is read strictly",
        promise="P2",
        why="What somebody says about an approval would be one.",
        file="bot/commands/reading.py",
        old='_STOPS = ("halt", "pause", "reject", "withdraw")',
        new='_STOPS = ("halt", "pause", "reject", "withdraw", "approve")',
        by=(
            "unit/test_commands.py::"
            "test_what_lets_something_begin_is_read_no_less_strictly_and_a_quote_is_no_stop",
        ),
    ),
    safety(
        "stored before the ack",
        promise="P12",
        why="Slack believes that we have it, and we are killed.",
        file="bot/inbox.py",
        old="            fresh = await asyncio.to_thread(put, inbox, heard)\n",
        new="            await next()\n            fresh = put(inbox, heard)\n",
        by=("unit/test_inbox.py::test_a_word_is_stored_before_anything_else_happens",),
    ),
    safety(
        "a duplicate is dropped",
        promise="P12",
        why="A command that Slack sends twice would be answered twice.",
        file="bot/inbox.py",
        old="            if fresh is None:\n",
        new="            fresh = fresh or heard.row\n            if False:\n",
        by=("unit/test_inbox.py::test_a_word_that_comes_again_is_acked_and_goes_no_further",),
    ),
    safety(
        "a reaction has one key under each event id",
        promise="P12",
        why="Slack was seen to send one reaction again under another id.",
        file="bot/hearing.py",
        old="""{event['reaction']}/{event['event_ts']}\"""",
        new="""{event['reaction']}/{id(event)}\"""",
        by=(f"{HEARING}::test_the_same_reaction_under_another_event_id_is_one_hint",),
    ),
    safety(
        "only the bot's own words are not heard",
        promise="P7",
        why="Slack may name a person by whose authorization it sends their stop.",
        file="bot/hearing.py",
        old=' or [] if one.get("is_bot"))',
        new=" or [])",
        by=(
            f"{HEARING}::"
            "test_a_person_by_whose_authorization_an_event_is_sent_is_not_the_bot[socket]",
        ),
    ),
    safety(
        "commands are taken in their channels only",
        promise="P2",
        why="Whoever reads another channel would not see what was ordered.",
        file="bot/hearing.py",
        old="        if channel in allowed:\n",
        new="        if True:\n",
        by=(f"{HEARING}::test_commands_are_not_taken_in_other_channels",),
    ),
    safety(
        "words are read back",
        promise="P12",
        why="A stop whose event was lost would never be heard.",
        file="bot/threads.py",
        old="                if ts != thread and _is_for(me, message):\n",
        new="                if False:\n",
        by=(
            "slack/test_threads.py::test_a_word_said_while_the_bot_was_away_is_heard_after_its_"
            "start",
        ),
    ),
    safety(
        "the bot's own reactions are no votes",
        promise="P2",
        why="The emoji that we offer would approve.",
        file=PEOPLE,
        old="                if user != me.user\n",
        new="",
        by=(f"{WHO}::test_ballots_are_what_the_message_shows_now_without_the_bots_own",),
    ),
    safety(
        "what another app writes is nobody's vote",
        promise="P2",
        why="A bridge to another chat would approve in a person's name.",
        file=PEOPLE,
        old='if not user or user == me.user or message.get("bot_id") or edited',
        new="if not user or user == me.user or edited",
        by=(f"{WHO}::test_what_another_app_writes_is_nobodys_vote",),
    ),
    safety(
        "what somebody else edited is nobody's vote",
        promise="P2",
        why="An administrator could write a yes for somebody.",
        file=PEOPLE,
        old='or edited.get("user", user) != user:',
        new="or not edited and False:",
        by=(f"{WHO}::test_words_that_somebody_else_edited_are_nobodys",),
    ),
    safety(
        "reactions that cannot be read are not nobody's",
        promise="P2",
        why="A no that could not be read would be taken back.",
        file="bot/questions.py",
        old="    except SlackApiError as error:\n"
        '        raise SlackRefused(str(error.response.get("error"))) from error\n',
        new="    except SlackApiError:\n"
        '        return {"message": {}, "messages": [], "user": {}, "users": []}\n',
        by=(f"{WHO}::test_a_message_that_is_gone_is_no_empty_ballot",),
    ),
    safety(
        "a thread that nobody knows is not an empty one",
        promise="P2",
        why="A written no in it would be overlooked.",
        file=PEOPLE,
        old="        if gate is None or root is None:\n"
        '            raise PeopleUnreadable("it is not known',
        new="        if gate is None or root is None:\n            return ts, (), ts\n"
        '            raise PeopleUnreadable("it is not known',
        by=(f"{WHO}::test_a_thread_that_nobody_knows_is_not_an_empty_one",),
    ),
    safety(
        "who may not vote is known",
        promise="P2",
        why="A guest or somebody who left would approve.",
        file=PEOPLE,
        old="        if user.get(mark):\n",
        new="        if False:\n",
        by=(f"{WHO}::test_an_account_that_may_not_vote_says_why",),
    ),
    safety(
        "a user group is remembered for a minute only",
        promise="P2",
        why="Somebody who was taken out of it would approve.",
        file=PEOPLE,
        old="if now - since <= USERGROUP_LIFE.total_seconds():",
        new="if members:",
        by=(f"{WHO}::test_a_user_group_is_asked_again_after_a_minute",),
    ),
    safety(
        "a message is looked for by its metadata before it is posted again",
        promise="P12",
        why="A gate would stand twice, with votes at both.",
        file=POSTING,
        old='if former is not None and former.state == "sending":',
        new="if False:",
        by=(f"{SPEAKING}::test_a_crash_between_post_and_save_does_not_post_twice",),
    ),
    safety(
        "sending is saved before the call",
        promise="P12",
        why="After a crash nobody would know that there may be something to look for.",
        file=POSTING,
        old="        await current.save(sending)\n",
        by=(f"{SPEAKING}::test_a_post_whose_answer_was_lost_is_found_again_and_not_repeated",),
    ),
    safety(
        "a post without a clear answer may have been made",
        promise="P12",
        why="It would be posted again.",
        file=POSTING,
        old="            if not trouble.unclear:\n",
        new="            if True:\n",
        by=(f"{SPEAKING}::test_a_post_whose_answer_was_lost_is_found_again_and_not_repeated",),
    ),
    safety(
        "one process speaks for a run",
        promise="P12",
        why="Each process would post every message.",
        file="bot/speaking/lease.py",
        old='leases.acquire, f"chat:{self._run}", self._holder,',
        new='leases.acquire, f"chat:{self._run}/{self._holder}", self._holder,',
        by=(f"{SPEAKING}::test_of_two_speakers_that_hear_of_everything_one_tells_it",),
    ),
    safety(
        "what stands in Slack is saved under the lease to speak",
        promise="P12",
        why="A speaker that was replaced would not learn that its message is a second one.",
        file="bot/speaking/comparison.py",
        old="self.deliveries.save, delivery, lease=self.lease)",
        new="self.deliveries.save, delivery)",
        by=(
            f"{SPEAKING}::test_a_speaker_stopped_before_its_post_takes_back_what_it_posts_too_late",
        ),
    ),
    safety(
        "the speaker's client repeats nothing by itself",
        promise="P12",
        why="A repeated post is a second message.",
        file="bot/calls.py",
        old="        retry_handlers=[one for one in client.retry_handlers "
        "if isinstance(one, TokenWatch)],\n",
        by=(f"{SPEAKING}",),
    ),
    safety(
        "a gate is confirmed until the journal has it",
        promise="P12",
        why="After a crash its votes would never count.",
        file="bot/speaking/speaker.py",
        old="        await self._attachments.confirm_gates(current)\n",
        by=(
            f"{SPEAKING}::test_a_gate_is_confirmed_again_after_a_restart_until_the_journal_has_it",
        ),
    ),
    safety(
        "secrets that we know are taken out",
        promise="P11",
        why="A device's answer may hold one.",
        file="bot/redaction.py",
        old="            text = self._known.sub(REDACTED, text)\n",
        new="            pass\n",
        by=("unit/test_redaction.py::test_a_secret_is_replaced",),
    ),
    safety(
        "what looks like a secret is taken out",
        promise="P11",
        why="A token that is not ours is a secret all the same.",
        file="bot/redaction.py",
        old="return _SHAPES.sub(REDACTED, text)",
        new="return text",
        by=("unit/test_redaction.py::test_a_secret_is_replaced",),
    ),
    safety(
        "what is journalled is redacted",
        promise="P11",
        why="A record cannot be taken back.",
        file="engine/journal.py",
        old="        return redact(value)\n",
        new="        return value\n",
        by=("unit/test_writing.py::test_a_secret_does_not_reach_the_journal",),
    ),
    safety(
        "what is logged is redacted",
        promise="P11",
        why="Logs go to places that people other than us read.",
        file="bot/logs.py",
        old="return {key: redactor.value(_plain(value)) for key, value in event.items()}",
        new="return {key: _plain(value) for key, value in event.items()}",
        by=("unit/test_redaction.py::test_no_line_of_the_log_shows_a_secret",),
    ),
    safety(
        "a package has the checksum that it was published with",
        promise="P10",
        why="A file that was changed on our disk would be installed.",
        file="bot/packages.py",
        old="        if actual != expected:\n",
        new="        if False:\n",
        by=(
            "unit/test_packages.py::test_another_content_is_refused_also_when_it_was_right_before",
        ),
    ),
    safety(
        "a package lies in its folder",
        promise="P10",
        why="Any file of the machine could be sent to a device.",
        file="bot/packages.py",
        old="if path.is_symlink() or not path.is_file():",
        new="if not path.is_file():",
        by=("unit/test_packages.py::test_a_link_out_of_the_folder_is_not_followed",),
    ),
    safety(
        "a form that is wrong is no word",
        promise="P12",
        why="What its author is told to correct would be done as it stood.",
        file="bot/hearing.py",
        old="        if errors:\n            return Heard(errors=errors)\n",
        by=(
            "slack/test_changing.py::test_what_is_wrong_is_told_at_its_field_and_nothing_is_stored",
        ),
    ),
    safety(
        "a post that Slack puts outside of its thread is taken back",
        promise="P12",
        why="The gate would stand where nobody looks for it, and no word about it would be read.",
        file=POSTING,
        old="if thread and root is not None and await self._is_stray(root, answer):",
        new="if False:",
        by=(
            f"{SPEAKING}::test_what_slack_puts_outside_of_its_thread_is_taken_back_and_the_root_"
            "comes_anew",
        ),
    ),
    safety(
        "a post is not taken back because Slack does not say where it stands",
        promise="P12",
        why="One message after the other would be posted and deleted, and nobody could vote.",
        file=POSTING,
        old="            return await self._losses.is_gone(root)\n",
        new="            return True\n",
        by=(f"{SPEAKING}::test_a_post_whose_answer_does_not_say_where_it_stands_is_kept[bare]",),
    ),
    safety(
        "an answer that its address refuses is given in another way",
        promise="P12",
        why="A person would not learn that their order was refused.",
        file=PEOPLE,
        old=" and not _says_no(answer.body)",
        new="",
        by=(f"{WHO}::test_an_address_may_refuse_with_a_status_of_200",),
    ),
    safety(
        "a click in a thread is answered in that thread",
        promise="P12",
        why="Slack does not put it there by itself; who clicked would not see that it was in vain.",
        file=PEOPLE,
        old='            told["thread_ts"] = thread\n',
        new="            pass\n",
        by=(f"{WHO}::test_a_click_in_a_thread_is_answered_in_that_thread",),
    ),
)
