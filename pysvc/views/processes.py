"""What the processes of services use, seen at one moment"""

from collections import defaultdict
from typing import Any

import psutil


class Processes:
    """All processes of the machine, listed once for however many services."""

    def __init__(self) -> None:
        self._by_pid: dict[int, psutil.Process] = {}
        self._children: defaultdict[int, list[int]] = defaultdict(list)
        for process in psutil.process_iter(["ppid"]):
            self._by_pid[process.pid] = process
            self._children[process.info["ppid"]].append(process.pid)

    def usage(self, pid: int) -> dict[str, Any]:
        """CPU seconds and memory of a process and all that it has started; nothing where it is gone."""
        cpu, memory, count = 0.0, 0, 0
        for process in self._family(pid):
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    memory += process.memory_info().rss
            except psutil.Error:
                continue  # it has just ended
            cpu, count = cpu + times.user + times.system, count + 1
        return {"processes": count, "cpu": round(cpu, 2), "memory": memory} if count else {}

    def _family(self, pid: int) -> list[psutil.Process]:
        found: list[psutil.Process] = []
        left = [pid] if pid in self._by_pid else []
        seen = {pid}
        while left:
            one = left.pop()
            found.append(self._by_pid[one])
            left += [child for child in self._children.get(one, ()) if child not in seen]
            seen.update(left)  # a pid that is used again may make a circle
        return found
