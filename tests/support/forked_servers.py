"""What a forked command finds instead of `subprocess` when it starts a server: the zygote."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.support.forking import ForkedProcess

DEVNULL = subprocess.DEVNULL
TimeoutExpired = subprocess.TimeoutExpired
SERVER = ["-P", "-m", "askcli.server"]


class Popen(ForkedProcess):
    """A server as `subprocess.Popen` would start it, but no child of this process.

    Who wants to see which servers a process has started asks `forking.started_by`.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        pass_fds: Sequence[int],
        stdin: int,
        stdout: int | None,
        stderr: int | None,
        start_new_session: bool,
    ) -> None:
        assert list(command[1:4]) == SERVER
        super().__init__(
            command[3:],
            module="askcli.server.__main__",
            env=os.environ,
            cwd=Path.cwd(),
            stdin=stdin,
            stdout=1 if stdout is None else stdout,
            stderr=2 if stderr is None else stderr,
            pass_fds=pass_fds,
            session=start_new_session,
        )

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the server has ended; while another thread waits for its end."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)
