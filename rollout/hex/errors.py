"""Errors of package sources, registries, bundles and the gateway."""

from __future__ import annotations

from pathlib import Path

from rollout.errors import RolloutError
from rollout.installation import command


class HexError(RolloutError):
    """Base class of every error in this package."""


class RegistryPayloadInvalid(HexError):
    """A registry response that cannot be decoded, or that describes another package than the requested one."""

    cause = "registry_error"

    def __init__(self, *, what: str, problem: str) -> None:
        super().__init__(
            f"The registry's response for {what} cannot be used: {problem}.",
            advice="A proxy changes responses, or the mirror is broken. Try another --source.",
        )


class BadSignature(RegistryPayloadInvalid):
    """A well-formed registry payload that was not signed with the source's key."""

    def __init__(self, *, what: str, fingerprint: str) -> None:
        super().__init__(what=what, problem=f"its signature does not match the key {fingerprint}")
        self.fingerprint = fingerprint


class InvalidVersion(HexError):
    """A string that Elixir does not accept as a version."""

    def __init__(self, *, text: str) -> None:
        super().__init__(f"{text!r} is not a valid Elixir version.", advice="Write MAJOR.MINOR.PATCH.")


class InvalidRequirement(HexError):
    """A string that Elixir does not accept as a version requirement."""

    def __init__(self, *, text: str) -> None:
        super().__init__(
            f"{text!r} is not a valid Elixir version requirement.",
            advice='Write for example "~> 1.4" or ">= 1.0.0 and < 2.0.0".',
        )


class InvalidLock(HexError):
    """A mix.lock that cannot be parsed."""

    def __init__(self, *, where: str, problem: str) -> None:
        super().__init__(
            f"{where} is not a valid mix.lock: {problem}.",
            advice="Remove it and run `mix deps.get`, which writes it again.",
        )


class SourceUnavailable(HexError):
    """A source that the user named does not respond."""

    cause = "registry_unreachable"

    def __init__(self, *, source: str, reason: str, is_untrusted: bool = False) -> None:
        advice = "Check the address and the network, or choose another source with --source."
        if is_untrusted:
            self.cause = "certificate_untrusted"
            advice = "Install the CA of that server on this machine, or name its file in SSL_CERT_FILE."
        super().__init__(f"The package source {source} cannot be reached: {reason}.", advice=advice)


class NoRealSource(HexError):
    """--source=auto finds no real packages, and CI forbids a rehearsal."""

    cause = "registry_unreachable"

    def __init__(self, *, reason: str, bundle: Path) -> None:
        super().__init__(
            f"--source=auto found no real packages: hexpm is {reason}, and there is no bundle at {bundle}; "
            "with CI set it does not fall back to a rehearsal.",
            advice="Name a source: --source=mirror:URL, --source=bundle:DIR or --source=rehearsal.",
        )


class SourceKeyUnusable(HexError):
    """The public key of a mirror, bundle or rehearsal is missing or unreadable, or it differs from the pinned key."""

    cause = "registry_error"

    def __init__(self, *, source: str, problem: str) -> None:
        super().__init__(
            f"The public key of {source} cannot be used: {problem}.",
            advice="Give the right one with --source-key=FILE (PEM).",
        )


class KeyChanged(SourceKeyUnusable):
    """A mirror serves another public key than on first contact."""

    def __init__(self, *, source: str, pinned: str, found: str, pin: Path) -> None:
        super().__init__(
            source=source,
            problem=f"it is {found}, but on first contact it was {pinned}"
            f" (remove {pin} if the key was changed on purpose)",
        )


class RehearsalMissing(HexError):
    """The registry of stand-ins was not built."""

    def __init__(self, *, folder: Path) -> None:
        super().__init__(
            f"There is no rehearsal registry at {folder}.",
            advice="A run builds it from rehearsal/. Build it first.",
        )


class TarballChanged(HexError):
    """A tarball does not match the checksum in the signed registry. Checksums are SHA-256 in hexadecimal.

    `earlier` is the checksum of the copy that was fetched from this source before, or None.
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
    """A bundle that is missing, damaged, or written by a newer version of the suite."""

    cause = "checksum_mismatch"

    def __init__(self, *, bundle: Path, problem: str) -> None:
        super().__init__(
            f"The bundle {bundle} cannot be used: {problem}.",
            advice=f"Record it again with `{command('bundle')}` on a machine with network access.",
        )


class GatewayFailed(HexError):
    """The gateway did not start, did not stop, or crashed."""

    def __init__(self, *, where: str, problem: str) -> None:
        super().__init__(
            f"The gateway at {where} failed: {problem}.",
            advice="This is an error of the suite or of this machine.",
        )


class CacheUnwritable(HexError):
    """The gateway cannot write to its cache folder."""

    cause = "permission_denied"

    def __init__(self, *, folder: Path, problem: str) -> None:
        super().__init__(
            f"The cache folder {folder} cannot be written: {problem}.",
            advice="Free some space or correct its permissions, or set XAVOS_CACHE_DIR to another folder.",
        )
