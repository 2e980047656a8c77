"""The list of our safeties: what each is for, how it is switched off, and who notices.

It is read as a document and tried by `tests/mutation/test_safeties.py`. Whoever changes one of
these lines changes its entry; whoever adds a safety adds one.
"""

from tests.mutation.safeties import (
    acting,
    appointments,
    asking,
    attendance,
    calling,
    conditions,
    daily,
    databases,
    delivery,
    directions,
    executors,
    freezes,
    identity,
    judges,
    looking,
    packages,
    rights,
    servers,
    slack,
    systems,
    transport,
    windows,
)

SAFETIES = (
    *looking.SAFETIES,
    *packages.SAFETIES,
    *conditions.SAFETIES,
    *asking.SAFETIES,
    *calling.SAFETIES,
    *rights.SAFETIES,
    *freezes.SAFETIES,
    *daily.SAFETIES,
    *appointments.SAFETIES,
    *windows.SAFETIES,
    *attendance.SAFETIES,
    *acting.SAFETIES,
    *executors.SAFETIES,
    *databases.SAFETIES,
    *servers.SAFETIES,
    *slack.SAFETIES,
    *transport.SAFETIES,
    *delivery.SAFETIES,
    *directions.SAFETIES,
    *judges.SAFETIES,
    *systems.SAFETIES,
    *identity.SAFETIES,
)
