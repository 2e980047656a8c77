"""The settings of the bot and its secrets: what they mean, where they come from, what is wrong.

`settings` has the sections of `hotfix.toml` and `policies` the one about who must say yes;
`values` says how a single value is written. `file` reads them, `contradictions` judges what each
may be and all together must not, `mistakes` tells what is wrong. `secrets` has what stands in no
file of settings.
"""
