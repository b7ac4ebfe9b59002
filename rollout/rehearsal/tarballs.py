"""Builds reproducible Hex tarballs of stand-in packages."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

from rollout.rehearsal.scenario import Release, Requirement

DESCRIPTION = "rehearsal stand-in, not the real package"
_ELIXIR = "~> 1.17"


def contents(release: Release, root: Path) -> dict[str, bytes]:
    """Path → bytes of every file of the package: its source, its patch, and a generated mix.exs."""
    files: dict[str, bytes] = {}
    for folder in filter(None, (release.source, release.patch)):
        base = root / folder
        files |= {str(file.relative_to(base)): file.read_bytes() for file in sorted(base.rglob("*")) if file.is_file()}
    files["mix.exs"] = mix_exs(release).encode()
    return dict(sorted(files.items()))


def tarball(release: Release, root: Path) -> bytes:
    """The tarball of a release, as the registry signs it."""
    return _package(release, contents(release, root))


def tampered(release: Release, root: Path) -> bytes:
    """A valid tarball of the same release that differs from the signed one."""
    return _package(release, contents(release, root) | {"lib/added_later.ex": b"# Nobody signed this.\n"})


def _package(release: Release, files: dict[str, bytes]) -> bytes:
    inner = gzip.compress(_tar(files), mtime=0)
    metadata = _metadata(release, tuple(files)).encode()
    version = b"3"
    checksum = hashlib.sha256(version + metadata + inner).hexdigest().upper().encode()
    return _tar({"VERSION": version, "CHECKSUM": checksum, "metadata.config": metadata, "contents.tar.gz": inner})


def mix_exs(release: Release) -> str:
    """The mix.exs of a stand-in, with only what Mix needs to compile it."""
    applications = ", ".join(f":{each}" for each in ("logger", *release.applications))
    mod = f", mod: {{{release.mod}, []}}" if release.mod else ""
    deps = ",\n      ".join(_dep(each) for each in release.requires)
    return f"""defmodule Rehearsal.{_camel(release.name)}.MixProject do
  use Mix.Project

  def project do
    [
      app: :{release.name},
      version: "{release.version}",
      elixir: "{_ELIXIR}",
      description: "{DESCRIPTION}",
      deps: deps()
    ]
  end

  def application, do: [extra_applications: [{applications}]{mod}]

  defp deps do
    [
      {deps}
    ]
  end
end
"""


def _dep(required: Requirement) -> str:
    optional = ", optional: true" if required.optional else ""
    return f'{{:{required.name}, "{required.requirement}"{optional}}}'


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _metadata(release: Release, files: tuple[str, ...]) -> str:
    requirements = ",".join(
        "["
        + ",".join(
            (
                f'{{<<"name">>,{_binary(each.name)}}}',
                f'{{<<"app">>,{_binary(each.name)}}}',
                f'{{<<"optional">>,{"true" if each.optional else "false"}}}',
                f'{{<<"requirement">>,{_binary(each.requirement)}}}',
                '{<<"repository">>,<<"hexpm">>}',
            )
        )
        + "]"
        for each in release.requires
    )
    terms = (
        ("name", _binary(release.name)),
        ("version", _binary(release.version)),
        ("app", _binary(release.name)),
        ("description", _binary(DESCRIPTION)),
        ("licenses", '[<<"MIT">>]'),
        ("links", "[]"),
        ("elixir", _binary(_ELIXIR)),
        ("build_tools", '[<<"mix">>]'),
        ("files", "[" + ",".join(map(_binary, files)) + "]"),
        ("requirements", f"[{requirements}]"),
    )
    return "".join(f"{{{_binary(key)},{value}}}.\n" for key, value in terms)


def _binary(text: str) -> str:
    return '<<"' + text.replace("\\", "\\\\").replace('"', '\\"') + '">>'


def _tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
