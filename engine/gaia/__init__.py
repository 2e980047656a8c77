"""What Gaia on a Security Group is told and what it answers: commands, guards, dialogues, parsers.

Pure text in, values out; nothing here talks to anything. What differs between versions stands in
`dialect`. What cannot be read is `UnexpectedOutput`, never an absence and never a guess.

Sources are named by key: GCXL, SGMUP, EXLLAB, R82, R8120, PROM, DACLI, SMO, POLM as in the
vendor's guides for g_clusterXL_admin (R80.20SP Maestro), the recorded runs of a vendor engineer's
playbooks (R80.30SP and R81.10, two members), lab notes of an R82 ElasticXL, the R82 and R81.20
hotfix pages, a public exporter, and a captured da_cli collection.
"""
