defmodule Xavos.BenchmarkTest do
  use Xavos.DataCase, async: false

  alias Xavos.Benchmark

  test "measures each way, beside Oban" do
    test = self()

    outcome =
      Benchmark.run(
        agents: 3,
        items: 20,
        repetitions: 2,
        tell: fn line -> send(test, {:told, line}) end
      )

    assert %{agents: 3, items: 20, repetitions: 2, ways: ways} = outcome
    assert [:claim_batch, :claim_next, :oban, :work_through] = ways |> Map.keys() |> Enum.sort()

    for {_way, %{rates: rates, median: median, to_oban: ratio}} <- ways do
      assert [one, other] = rates
      assert one > 0 and other > 0
      assert median in rates
      assert ratio > 0
    end

    # In turn, everything each time.
    for number <- 1..2, way <- ~w(claim_next claim_batch work_through oban) do
      assert_received {:told, line}
      assert line =~ ~r/\A#{number}\. #{way} +20 in \d+ ms/
    end

    assert Benchmark.to_text(outcome) =~ ~r/claim_next and complete +[\d.]+\/s +[\d.]+ x Oban/
  end

  test "leaves nothing behind" do
    Benchmark.run(agents: 2, items: 5, repetitions: 1)
    assert 0 == Ash.count!(Xavos.Coordination.WorkItem, authorize?: false)
    assert 0 == Ash.count!(Xavos.Coordination.Agent, authorize?: false)
    assert 0 == Xavos.Repo.aggregate(Oban.Job, :count)
  end
end
