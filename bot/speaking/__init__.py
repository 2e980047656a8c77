"""Makes Slack say what the views say: the list of messages, minus what was delivered.

There is no outbox. Asking, reminding, reporting and rendering again are one comparison of
`bot.views.render` with `deliveries`; so after any crash the same comparison goes on.

`speaker` goes round for each run, when it has something to say and its `lease` to speak. A round
is a `comparison`, and what is due then: `posting`, with the `attachments` of a message, and
`editing`. `losses` brings back what somebody deleted. `wording` says as much of a message as Slack
takes, and `search` finds what stands in Slack.

What a message says, and who may vote, does not belong here.
"""
