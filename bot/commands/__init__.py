"""What people type: `/hotfix …` and `@hotfix …` in a thread, read into one command or a mistake.

Pure. A mistake is a sentence that says what was understood, what was not, and the nearest right
command; it is for the person alone and changes nothing. Who may do what is decided by the engine.

`reading` takes a text to pieces, `kinds` is what can come of it. `orders`, `changes`, `votes` and
`freezing` read what follows one word each, with the parts in `grammar`. `help` tells all of it.
"""
