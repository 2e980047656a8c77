"""The commands of a Security Group, with the texts that real ones print.

Sources: the dossier of device facts, section 3; a text marked [I] or [B] there says so here.
"""

from __future__ import annotations

from engine.rehearsal.devices import asg, checks, clish, cluster, contexts, cpuse, system, vsx
from engine.rehearsal.devices.host import DeviceProgram, Host
from engine.rehearsal.group import Group
from engine.rehearsal.member import Member

PROGRAMS: dict[str, DeviceProgram] = {
    "asg": asg.asg,
    "asg_conns": checks.asg_conns,
    "asg_resource": checks.asg_resource,
    "cluster-cli": asg.cluster_cli,
    "clusterXL_admin": cluster.cluster_admin,
    "core_dump_verifier": checks.core_dump_verifier,
    "cpinfo": checks.cpinfo,
    "cphaprob": cluster.cphaprob,
    "cplic": checks.cplic,
    "da_cli": cpuse.da_cli,
    "date": system.date,
    "df": system.df,
    "fw": checks.fw,
    "fwaccel": checks.fwaccel,
    "g_all": system.g_all,
    "g_clusterXL_admin": cluster.group_admin,
    "gclish": clish.gclish,
    "clish": clish.gclish,
    "gexec": system.gexec,
    "hostname": system.hostname,
    "id": system.who,
    "m": system.member,
    "member": system.member,
    "reboot": system.reboot,
    "uname": system.uname,
    "uptime": system.uptime,
    "vsenv": contexts.vsenv,
    "vsx": vsx.vsx,
    "whoami": system.whoami,
}


def host_of(group: Group, member: Member) -> Host:
    """Return a member as a machine with all these programs."""
    return Host(group, member, PROGRAMS)
