"""Trial executors: a thread pool or a Dask cluster."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from typing import Any

from rollout.campaign.trial import interrupt_running, run_trial
from rollout.campaign.trial_folders import ROLLBACK_SECONDS
from rollout.campaign.trial_settings import TrialSettings
from rollout.errors import RolloutError, UsageError
from rollout.results.campaign.trials import Result, Specification

_POLL_SECONDS = 0.2


class ClusterUnreachable(UsageError):
    """The Dask cluster of `--cluster` cannot be used."""

    def __init__(self, *, address: str, problem: str, advice: str = "") -> None:
        super().__init__(f"The Dask cluster {address} cannot be used: {problem}.", advice=advice)


class TrialExecutionFailed(RolloutError):
    """A trial could not be executed. This is a failure of the executor, not of the run."""

    def __init__(self, *, trial: Specification, problem: str) -> None:
        super().__init__(
            f"Trial {trial.number} ({trial.path} {trial.fault_option or trial.kind}) could not be executed: {problem}.",
            advice="Remove the cause, then resume with --resume=latest and the same options. Finished trials are kept.",
        )


class TrialExecutor:
    """Runs trials, at most `size` at once, and yields their results as they finish."""

    def __init__(
        self,
        executor: Any,
        settings: TrialSettings,
        *,
        size: int,
        run: Callable[[Specification, TrialSettings], Result] = run_trial,
        interrupt: Callable[[str], None] = interrupt_running,
    ) -> None:
        self._executor: Executor = executor
        self._settings = settings
        self.size = size
        self._run = run
        self._interrupt = interrupt

    def results(self, trials: Iterator[Specification], *, until: float | None = None) -> Iterator[Result]:
        """Run the trials in their order. No trial starts after the monotonic time `until`.

        If the caller stops (Ctrl-C), running trials are interrupted, and this waits until they have rolled back.
        Raises TrialExecutionFailed, and any RolloutError that a trial raises.
        """
        running: dict[Future[Result], Specification] = {}
        is_over = False
        try:
            while True:
                while not is_over and len(running) < self.size:
                    trial = next(trials, None) if until is None or time.monotonic() < until else None
                    is_over = trial is None
                    if trial is not None:
                        running[self._executor.submit(self._run, trial, self._settings)] = trial
                if not running:
                    return
                done, _ = wait(running, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
                for future in sorted(done, key=_has_failed):  # yield results before an error is raised
                    yield _result(future, running.pop(future))
        finally:
            for future in running:
                future.cancel()
            if running:
                self._interrupt(self._settings.session)
            wait(running)


def _has_failed(future: Future[Result]) -> bool:
    return future.cancelled() or future.exception() is not None


def _result(future: Future[Result], trial: Specification) -> Result:
    try:
        return future.result()
    except RolloutError:
        raise
    except Exception as error:
        raise TrialExecutionFailed(trial=trial, problem=f"{type(error).__name__}: {error}") from error


@contextlib.contextmanager
def open_executor(settings: TrialSettings, *, jobs: int, cluster: str | None) -> Iterator[TrialExecutor]:
    """A trial executor on `jobs` threads, or on a Dask cluster with one trial for each thread of its workers.

    Raises ClusterUnreachable.
    """
    if cluster is None:
        with ThreadPoolExecutor(jobs, thread_name_prefix="trial") as threads:
            yield TrialExecutor(threads, settings, size=jobs)
        return
    # If a worker dies, its trial runs again on another worker, up to three times.
    with _client(cluster) as (client, size), client.get_executor(retries=3) as executor:

        def interrupt(session: str) -> None:
            with contextlib.suppress(Exception):  # without a scheduler the runs notice that their worker ends
                client.run(interrupt_running, session, within=ROLLBACK_SECONDS, on_error="ignore")

        yield TrialExecutor(executor, settings, size=size, interrupt=interrupt)


def check_cluster(address: str) -> None:
    """Raise ClusterUnreachable if the cluster does not answer or has no worker."""
    with _client(address):
        pass


@contextlib.contextmanager
def _client(address: str) -> Iterator[tuple[Any, int]]:
    """A client of the cluster, and the number of threads of its workers."""
    try:
        from distributed import Client  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise ClusterUnreachable(address=address, problem="dask.distributed is not installed",
                                 advice="pip install 'xavos-rollout[cluster]'.") from None  # fmt: skip
    try:
        make: Any = Client
        client = make(address, timeout="10s", set_as_default=False)
    except (
        OSError,
        ValueError,
        TypeError,
        RuntimeError,
        ImportError,
    ) as error:  # from invalid addresses
        raise ClusterUnreachable(address=address, problem=str(error) or type(error).__name__,
                                 advice="Start a scheduler and workers, or leave out --cluster.") from None  # fmt: skip
    with client:
        size = sum(client.nthreads().values())
        if not size:
            raise ClusterUnreachable(
                address=address, problem="it has no worker", advice="Start one with `dask worker`."
            )
        yield client, size
