"""The residue of a path as readable lines."""

from __future__ import annotations

from typing import ClassVar

from rollout.rollback.residue import left_behind
from rollout.site.fingerprint import Fingerprint
from rollout.site.store.manifest import Entry, Manifest

SERVER = {"role postgres": "there", "database postgres": "owner=postgres"}


def site(*files: str, facts: dict[str, str] | None = None, size: int = 1_000_000) -> Fingerprint:
    tree: dict[str, Entry] = dict.fromkeys(files, ("f", 0o644, size, 1, "digest"))
    return Fingerprint(tree=Manifest(tree), facts=facts if facts is not None else SERVER)


def test_no_residue_gives_no_line() -> None:
    assert left_behind(site("README.md"), site("README.md")) == ()


def test_a_folder_is_one_line_with_its_size_and_a_file_one_with_its_name() -> None:
    now = site("xavos/mix.exs", "xavos/lib/xavos.ex", "notes.txt")
    assert left_behind(site(), now) == ("file notes.txt", "folder xavos: 2 files, 2.0 MB")


def test_an_archive_has_its_own_line() -> None:
    now = site(".home/mix/archives/phx_new-1.8.9/phx_new-1.8.9/ebin/a.beam",
               ".home/mix/archives/phx_new-1.8.9/phx_new-1.8.9/ebin/b.beam", ".home/hex/cache.ets")  # fmt: skip
    assert left_behind(site(), now) == (
        "folder .home/hex: 1 file, 1.0 MB",
        "archive .home/mix/archives/phx_new-1.8.9: 2 files, 2.0 MB",
    )


def test_changed_and_lost_files_are_listed() -> None:
    before, now = site("a", "b"), site("a", size=2)
    assert left_behind(before, now) == ("changed: a", "lost: b")


def test_a_change_in_a_listed_folder_has_no_line() -> None:
    now = Fingerprint(tree=Manifest({".home/hex/cache.ets": ("f", 0o644, 9, 2, "new"),
                                     ".home/hex/packages/a.tar": ("f", 0o644, 9, 2, "new"),
                                     ".home/hex/packages/b.tar": ("f", 0o644, 9, 2, "new")}), facts=SERVER)  # fmt: skip
    assert left_behind(site(".home/hex/cache.ets"), now) == ("folder .home/hex: 2 files, 0.0 MB",)


def test_files_of_the_suite_are_not_listed() -> None:
    assert left_behind(site(), site(".home/edit/Elixir.Edit.beam", ".home/.xavos-script.log")) == ()


def test_a_database_is_one_line_with_its_tables_and_rows() -> None:
    inside = {
        "database xavos_dev": "owner=postgres",
        "schema xavos_dev.public": "owner=postgres",
        "table xavos_dev.public.agents": "",
        "column xavos_dev.public.agents.id": "uuid",
        "table xavos_dev.public.users": "",
        "rows xavos_dev.public.agents": "2 rows, abc",
        "rows xavos_dev.public.users": "1 rows, def",
    }
    assert left_behind(site(), site(facts=SERVER | inside)) == ("database xavos_dev: 2 tables, 3 rows",)


def test_a_new_table_in_an_existing_database_is_listed() -> None:
    found = left_behind(site(), site(facts={**SERVER, "table postgres.public.notes": "owner=postgres"}))
    assert found == ("table postgres.public.notes (owner=postgres)",)


def test_a_new_role_is_listed() -> None:
    assert left_behind(site(), site(facts={**SERVER, "role intruder": "there"})) == ("role intruder (there)",)


def test_a_server_that_is_down_is_one_line() -> None:
    assert left_behind(site(), site(facts={})) == ("lost: the database server does not answer",)


def test_processes_are_listed_by_command_line_and_counted() -> None:
    now = {**SERVER, "process 10": "sleep 600", "process 11": "sleep 600", "process 12": "beam.smp\n -x"}
    found = left_behind(site(facts={**SERVER, "process 9": "gone by now"}), site(facts=now))
    assert found == ("process sleep 600 (2 times)", "process beam.smp -x")


def test_of_erlang_only_the_arguments_are_listed() -> None:
    now = {
        "process 1": "/usr/lib/erlang/bin/beam.smp -- -root /usr/lib/erlang -noshell -extra /usr/bin/mix phx.server",
        "process 2": "erl_child_setup 20000",
        "process 3": "/usr/lib/erlang/erts-15.2.7/bin/inet_gethost 4",
    }
    assert left_behind(site(facts={}), site(facts=now)) == ("process beam.smp … /usr/bin/mix phx.server",)


def test_a_long_list_and_a_long_line_are_cut() -> None:
    many = left_behind(site(), site(*(f"f{number:04}" for number in range(300))))
    assert (len(many), many[-1]) == (201, "and 100 more")
    (line,) = left_behind(site(facts={}), site(facts={"process 1": "x" * 1000}))
    assert len(line) == 200


def test_empty_folders_and_special_files_are_listed() -> None:
    """A folder of empty folders is one line. Content of a listed folder is part of its line."""
    tree: dict[str, Entry] = {
        "empty": ("d", 0o755, 0, 0, ""), "empty/within": ("d", 0o755, 0, 0, ""),
        "full": ("d", 0o755, 0, 0, ""), "full/within": ("d", 0o755, 0, 0, ""),
        "full/file": ("f", 0o644, 1_000_000, 1, "digest"), "full/socket": ("s", 0o755, 0, 0, ""),
        "pipe": ("p", 0o644, 0, 0, ""), "null": ("c", 0o644, 0, 0, "259"),
    }  # fmt: skip
    found = left_behind(site(), Fingerprint(tree=Manifest(tree), facts=SERVER))
    assert found == ("empty folder empty", "folder full: 1 file, 1 socket, 1.0 MB", "device null", "FIFO pipe")


def test_a_folder_with_a_changed_mode_is_listed() -> None:
    def tree(mode: int) -> Fingerprint:
        return Fingerprint(tree=Manifest({"sub": ("d", mode, 0, 0, "")}), facts=SERVER)

    assert left_behind(tree(0o755), tree(0o555)) == ("changed: sub",)


class TestResidueOfAScript:
    """The copied source is no residue. New files in it or next to it are."""

    BEFORE: ClassVar[dict[str, Entry]] = {
        "script": ("d", 0o755, 0, 0, ""), "script/shop": ("d", 0o755, 0, 0, ""),
        "script/shop/lib": ("d", 0o755, 0, 0, ""), "script/shop/lib/a.ex": ("f", 0o644, 1, 1, "old"),
        "script/shop/.git/index": ("f", 0o644, 1, 1, "old"), "script/shop/.git/config": ("f", 0o644, 1, 1, "old"),
    }  # fmt: skip

    def left(self, after: dict[str, Entry], facts: dict[str, str] | None = None) -> tuple[str, ...]:
        ground = Fingerprint(tree=Manifest(self.BEFORE), facts=SERVER)
        return left_behind(ground, Fingerprint(tree=Manifest({**self.BEFORE, **after}), facts=SERVER | (facts or {})))

    def test_is_listed_folder_by_folder(self) -> None:
        new: Entry = ("f", 0o644, 1_000_000, 2, "new")
        found = self.left({"script/shop/out/a": new, "script/shop/out/b": new, "script/shop/lib/b.ex": new,
                           "script/shop/lib/a.ex": new, "script/shop-wt/mix.exs": new, "script/shop-wt/.git": new,
                           "script/notes.txt": new})  # fmt: skip
        assert found == (
            "file script/notes.txt", "folder script/shop-wt: 2 files, 2.0 MB",
            "folder script/shop/lib: 1 file, 1.0 MB", "folder script/shop/out: 2 files, 2.0 MB",
            "changed: script/shop/lib/a.ex",
        )  # fmt: skip

    def test_of_git_only_relevant_files_are_listed(self) -> None:
        new: Entry = ("f", 0o644, 1, 2, "new")
        git = {
            f"script/shop/.git/{name}": new for name in ("index", "objects/ab/cd", "logs/HEAD", "config", "HEAD.lock")
        }
        found = self.left(git, {"branch deploy/shop of shop": "abc", "worktree shop-wt of shop": ""})
        assert found == (
            "folder script/shop/.git: 1 file, 0.0 MB", "changed: script/shop/.git/config",
            "branch deploy/shop of shop (abc)", "worktree shop-wt of shop",
        )  # fmt: skip
