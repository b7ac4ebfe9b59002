"""Warnings of the compiler and results of ExUnit, read from output as Elixir 1.18 prints it."""

from __future__ import annotations

from rollout.app.compiler_output import warnings
from rollout.app.ex_unit import FailedTest, Tally, failures, tally

COMPILED = """Compiling 3 files (.ex)
    warning: variable "left" is unused (if the variable is not meant to be used, prefix it with an underscore)
    │
  4 │   def price(left), do: 1
    │             ~~~~
    │
    └─ lib/shop/price.ex:4:13: Shop.Price.price/1

     warning: Shop.Gone.call/0 is undefined (module Shop.Gone is not available or is yet to be defined)
     │
  12 │     Shop.Gone.call()
     │               ~
     │
     └─ lib/shop/use.ex:12:15: Shop.Use.run/0

warning: found quoted keyword
  lib/shop/old.ex:3
Generated shop app
"""
TESTED = """Running ExUnit with seed: 0, max_cases: 4

...

  1) test GET / (ShopWeb.PageControllerTest)
     test/shop_web/controllers/page_controller_test.exs:4
     Assertion with =~ failed
     code:  assert html_response(conn, 200) =~ "Shop"
     left:  "<html>"

.

  2) property prices add up (Shop.PriceTest)
     test/shop/price_test.exs:9
     ** (RuntimeError) no

Finished in 0.1 seconds (0.1s async, 0.00s sync)
2 doctests, 1 property, 6 tests, 2 failures, 3 excluded, 1 skipped
"""


def test_a_warning_has_its_text_and_its_place() -> None:
    assert [
        'lib/shop/price.ex:4: variable "left" is unused (if the variable is not meant to be used, prefix it with an '
        "underscore)",
        "lib/shop/use.ex:12: Shop.Gone.call/0 is undefined (module Shop.Gone is not available or is yet to be defined)",
        "lib/shop/old.ex:3: found quoted keyword",
    ] == [str(each) for each in warnings(COMPILED)]


def test_a_warning_without_a_place_is_no_warning_of_the_next_file() -> None:
    output = "warning: the first\nwarning: the second\n  lib/a.ex:1\n"
    assert ["the first", "lib/a.ex:1: the second"] == [str(each) for each in warnings(output)]


def test_the_same_warning_counts_once() -> None:
    assert 1 == len(warnings("warning: twice\n  lib/a.ex:1\n" * 2))


def test_a_clean_build_has_no_warnings() -> None:
    assert () == warnings("Compiling 3 files (.ex)\nGenerated shop app\n")


def test_every_failed_test_has_name_place_and_message() -> None:
    assert (
        FailedTest(
            name="test GET / (ShopWeb.PageControllerTest)",
            place="test/shop_web/controllers/page_controller_test.exs:4",
            message='Assertion with =~ failed\ncode:  assert html_response(conn, 200) =~ "Shop"\nleft:  "<html>"',
        ),
        FailedTest(
            name="property prices add up (Shop.PriceTest)", place="test/shop/price_test.exs:9",
            message="** (RuntimeError) no",
        ),
    ) == failures(TESTED)  # fmt: skip


def test_doctests_and_properties_count_and_excluded_tests_do_not() -> None:
    assert Tally(passed=6, failed=2, skipped=1) == tally(TESTED)


def test_the_applications_of_an_umbrella_are_added_up() -> None:
    assert Tally(passed=6, failed=1, skipped=0) == tally("==> a\n3 tests, 0 failures\n==> b\n4 tests, 1 failure\n")


def test_a_test_that_could_not_be_set_up_is_failed() -> None:
    assert Tally(passed=1, failed=2, skipped=0) == tally("3 tests, 0 failures, 2 invalid\n")


def test_without_a_tally_no_test_has_run() -> None:
    assert tally("** (Mix) Could not compile\n") is None
