"""Errors about packages and their sources."""

from __future__ import annotations

from pathlib import Path

from rollout.errors import RolloutError


class HexError(RolloutError):
    """Base of the errors raised here."""


class RegistryPayloadInvalid(HexError):
    """Bytes that should be a registry payload and are not, or are one about something else."""

    cause = "registry_error"

    def __init__(self, *, what: str, problem: str) -> None:
        super().__init__(
            f"The registry's answer for {what} cannot be used: {problem}.",
            advice="Something on the way changes answers, or the mirror is broken; try another --source.",
        )


class BadSignature(RegistryPayloadInvalid):
    """The payload is well-formed but was not signed with the key this source is known by."""

    def __init__(self, *, what: str, fingerprint: str) -> None:
        super().__init__(what=what, problem=f"its signature does not fit the key {fingerprint}")
        self.fingerprint = fingerprint


class InvalidVersion(HexError):
    def __init__(self, *, text: str) -> None:
        super().__init__(f"{text!r} is not a version as Elixir knows it.", advice="Write MAJOR.MINOR.PATCH.")


class InvalidRequirement(HexError):
    def __init__(self, *, text: str) -> None:
        super().__init__(
            f"{text!r} is not a version requirement as Elixir knows it.",
            advice='Write for example "~> 1.4" or ">= 1.0.0 and < 2.0.0".',
        )


class InvalidLock(HexError):
    def __init__(self, *, where: str, problem: str) -> None:
        super().__init__(
            f"{where} is not a lock that Mix wrote: {problem}.", advice="Let `mix deps.get` write it again."
        )


class SourceUnavailable(HexError):
    """A source that was asked for by name does not answer."""

    cause = "registry_unreachable"

    def __init__(self, *, source: str, reason: str, is_untrusted: bool = False) -> None:
        advice = "Check the address and the network, or name another with --source."
        if is_untrusted:
            self.cause = "certificate_untrusted"
            advice = "Install the CA of that server on this machine, or name its file in SSL_CERT_FILE."
        super().__init__(f"The package source {source} cannot be reached: {reason}.", advice=advice)


class NoRealSource(HexError):
    """auto would have to fall back to rehearsal where it must not."""

    cause = "registry_unreachable"

    def __init__(self, *, reason: str, bundle: Path) -> None:
        super().__init__(
            f"--source=auto found no real packages: hexpm is {reason}, and there is no bundle at {bundle}; "
            "with CI set it does not fall back to rehearsal by itself.",
            advice="Name what you want: --source=mirror:URL, --source=bundle:DIR or --source=rehearsal.",
        )


class SourceKeyUnusable(HexError):
    """The public key of a mirror, bundle or rehearsal is missing, unreadable, or not the one pinned."""

    cause = "registry_error"

    def __init__(self, *, source: str, problem: str) -> None:
        super().__init__(
            f"The public key of {source} cannot be used: {problem}.",
            advice="Give the right one with --source-key=FILE (PEM).",
        )


class KeyChanged(SourceKeyUnusable):
    def __init__(self, *, source: str, pinned: str, found: str, pin: Path) -> None:
        super().__init__(
            source=source,
            problem=f"it is {found}, but on first contact it was {pinned}"
            f" (remove {pin} if the change is known to be meant)",
        )


class RehearsalMissing(HexError):
    def __init__(self, *, folder: Path) -> None:
        super().__init__(
            f"There is no rehearsal registry at {folder}.",
            advice="It is built from rehearsal/ before the run; build it first.",
        )


class TarballChanged(HexError):
    """A tarball does not match the checksum in the signed registry. Checksums are SHA-256 in hexadecimal.

    `earlier` is the checksum of the tarball fetched from this source before; None where there is none.
    """

    cause = "checksum_mismatch"
    ADVICE = (
        "Do not trust the package. Have the source publish the tarball and its entry together "
        "(a mirror: build its registry again), then run with --fresh; or name another --source."
    )

    def __init__(
        self, *, package: str, version: str, source: str, expected: str, found: str, earlier: str | None
    ) -> None:
        if earlier == expected:
            change = "An earlier tarball matched the registry, so the tarball was changed under its version."
        elif earlier == found:
            change = "The tarball is unchanged since it was last fetched, so the registry's entry was changed."
        else:
            change = "The tarball or the registry's entry was changed under its version."
        super().__init__(
            f"{package} {version}: the tarball from {source} has the SHA-256 {found}, "
            f"but the signed registry says {expected}. {change}",
            advice=self.ADVICE,
        )
        self.package = package


class BundleUnusable(HexError):
    """A bundle that is missing, damaged, or from a newer version of the suite."""

    cause = "checksum_mismatch"

    def __init__(self, *, bundle: Path, problem: str) -> None:
        super().__init__(
            f"The bundle {bundle} cannot be used: {problem}.",
            advice="Record it again with `make bundle` where the network is.",
        )


class GatewayFailed(HexError):
    def __init__(self, *, where: str, problem: str) -> None:
        super().__init__(
            f"The gateway at {where} failed: {problem}.",
            advice="This is a fault of the suite or of this machine.",
        )


class CacheUnwritable(HexError):
    cause = "permission_denied"

    def __init__(self, *, folder: Path, problem: str) -> None:
        super().__init__(
            f"The cache folder {folder} cannot be written: {problem}.",
            advice="Free some space or mend its rights, or set XAVOS_CACHE_DIR to another folder.",
        )
