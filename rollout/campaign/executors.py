"""Trial executors: a thread pool or a Dask cluster."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from typing import Any

from rollout.campaign.trial import run_trial, unwind_running
from rollout.campaign.trial_folders import UNWIND_SECONDS
from rollout.campaign.trial_site import Ground
from rollout.errors import RolloutError, UsageError
from rollout.results.campaign.trials import Result, Specification

_POLL_SECONDS = 0.2


class ClusterUnreachable(UsageError):
    """`--cluster` names nothing that answers."""

    def __init__(self, *, address: str, problem: str, advice: str = "") -> None:
        super().__init__(f"The Dask cluster {address} cannot be used: {problem}.", advice=advice)


class TrialNotMade(RolloutError):
    """Nobody could make a trial: not what its run came to, but what was to make it has failed."""

    def __init__(self, *, trial: Specification, problem: str) -> None:
        super().__init__(
            f"Trial {trial.number} ({trial.path} {trial.fault_option or trial.kind}) could not be made: {problem}.",
            advice="See to that; what has been made is kept: go on with --resume=latest and the same options.",
        )


class Crew:
    """Makes trials, at most `size` at once, and hands over their results as they come."""

    def __init__(
        self,
        executor: Any,
        ground: Ground,
        *,
        size: int,
        make: Callable[[Specification, Ground], Result] = run_trial,
        unwind: Callable[[str], None] = unwind_running,
    ) -> None:
        self._executor: Executor = executor
        self._ground = ground
        self.size = size
        self._make = make
        self._unwind = unwind

    def results(self, trials: Iterator[Specification], *, until: float | None = None) -> Iterator[Result]:
        """Make the trials in their order; no new one is begun after the monotonic time `until`.

        Where the caller goes away (Ctrl-C), trials that run unwind what they have done, and are waited for. Raises
        TrialNotMade, and what a trial raises that is a RolloutError.
        """
        going: dict[Future[Result], Specification] = {}
        is_over = False
        try:
            while True:
                while not is_over and len(going) < self.size:
                    trial = next(trials, None) if until is None or time.monotonic() < until else None
                    is_over = trial is None
                    if trial is not None:
                        going[self._executor.submit(self._make, trial, self._ground)] = trial
                if not going:
                    return
                done, _ = wait(going, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
                for future in sorted(done, key=_has_failed):  # what was made is handed over before anything is raised
                    yield _result(future, going.pop(future))
        finally:
            for future in going:
                future.cancel()
            if going:
                self._unwind(self._ground.session)
            wait(going)


def _has_failed(future: Future[Result]) -> bool:
    return future.cancelled() or future.exception() is not None


def _result(future: Future[Result], trial: Specification) -> Result:
    try:
        return future.result()
    except RolloutError:
        raise
    except Exception as error:
        raise TrialNotMade(trial=trial, problem=f"{type(error).__name__}: {error}") from error


@contextlib.contextmanager
def hired(ground: Ground, *, jobs: int, cluster: str | None) -> Iterator[Crew]:
    """A crew of `jobs` threads, or one of as many trials at once as the cluster has workers' threads.

    Raises ClusterUnreachable.
    """
    if cluster is None:
        with ThreadPoolExecutor(jobs, thread_name_prefix="trial") as threads:
            yield Crew(threads, ground, size=jobs)
        return
    # A trial whose worker dies is made again on another: it may die with several before it is given up.
    with _client(cluster) as (client, size), client.get_executor(retries=3) as executor:

        def unwind(session: str) -> None:
            with contextlib.suppress(Exception):  # a scheduler that is gone: its workers' runs notice that, and unwind
                client.run(unwind_running, session, within=UNWIND_SECONDS, on_error="ignore")

        yield Crew(executor, ground, size=size, unwind=unwind)


def check_cluster(address: str) -> None:
    """Raise ClusterUnreachable where no cluster with a worker answers."""
    with _client(address):
        pass


@contextlib.contextmanager
def _client(address: str) -> Iterator[tuple[Any, int]]:
    """A client of the cluster, and how many threads its workers have."""
    try:
        from distributed import Client  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise ClusterUnreachable(address=address, problem="dask.distributed is not installed",
                                 advice="pip install 'xavos-rollout[cluster]'.") from None  # fmt: skip
    try:
        make: Any = Client
        client = make(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError, TypeError, RuntimeError, ImportError) as error:  # whatever the address is
        raise ClusterUnreachable(address=address, problem=str(error) or type(error).__name__,
                                 advice="Start a scheduler and workers, or leave out --cluster.") from None  # fmt: skip
    with client:
        size = sum(client.nthreads().values())
        if not size:
            raise ClusterUnreachable(address=address, problem="it has no worker", advice="Start some: dask worker.")
        yield client, size
