"""The directory that a program serves, and who plays which role there

`/var/qmail/bin/qmail-send` serves /var/qmail: the home is where the launcher is, and no environment
variable redirects a program. A home that belongs to root has the classic accounts; one that belongs
to anybody else is a private instance, where every role is its owner.
"""

import os

from pysvc.unix.strerr import Fatal, unable_to

GROUPS = {"alias": "nofiles", "qmaild": "nofiles", "qmaill": "nofiles", "qmailp": "nofiles",
          "qmailq": "qmail", "qmailr": "qmail", "qmails": "qmail"}  # role: its group  # fmt: skip


class Home:
    """One installation: its paths, and the ids of its roles."""

    __slots__ = ("_gids", "_uids", "owner", "path", "private")

    def __init__(self, path: str) -> None:
        """path: absolute. Fatal if there is no such directory."""
        with unable_to(f"stat {path}"):
            found = os.stat(path)
        self.path = path
        self.owner = found.st_uid
        self.private = found.st_uid != 0
        self._uids: dict[str, int] = {}
        self._gids: dict[str, int] = {}
        if self.private:
            self._uids = dict.fromkeys((*GROUPS, "root"), found.st_uid)
            self._gids = dict.fromkeys(("qmail", "nofiles"), found.st_gid)

    @classmethod
    def of(cls, argv0: str) -> "Home":
        """The home of the program started as argv0; to be called before any chdir."""
        return cls(os.path.dirname(os.path.dirname(os.path.realpath(argv0))))

    def file(self, *parts: str) -> str:
        """The absolute path of something in the home: file("control", "me")."""
        return "/".join((self.path, *parts))

    def uid(self, role: str) -> int:
        """The user id of a role ("qmailq", "alias", …, "root"). Fatal if the account is missing."""
        if role == "root" and not self.private:
            return 0
        if role not in self._uids:
            import pwd

            try:
                self._uids[role] = pwd.getpwnam(role).pw_uid
            except KeyError:
                raise Fatal(f"unable to find user {role}") from None
        return self._uids[role]

    def gid(self, group: str) -> int:
        """The group id of "qmail" or "nofiles". Fatal if the group is missing."""
        if group not in self._gids:
            import grp

            try:
                self._gids[group] = grp.getgrnam(group).gr_gid
            except KeyError:
                raise Fatal(f"unable to find group {group}") from None
        return self._gids[group]

    def become(self, role: str) -> None:
        """Take the ids of a role: groups, gid and uid. In a private instance only root has something to take.

        Fatal if that is not allowed.
        """
        if self.private and os.geteuid():
            return
        from pysvc.unix import ids

        ids.become(self.uid(role), self.gid(GROUPS[role]))
