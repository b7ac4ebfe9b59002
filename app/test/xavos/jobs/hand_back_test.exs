defmodule Xavos.Jobs.HandBackTest do
  use Xavos.DataCase, async: true

  alias Xavos.Jobs.HandBack
  alias Xavos.Repo

  test "jobs that were cut off can run again, and the attempt does not count" do
    ours = executing(["machine.01", "producer"])
    theirs = executing(["machine.02", "producer"])
    assert 1 == HandBack.give_back("machine.01")
    assert %{state: "available", attempt: 1, attempted_by: nil} = Repo.get!(Oban.Job, ours)
    assert %{state: "executing", attempt: 2} = Repo.get!(Oban.Job, theirs)
  end

  test "two instances on one machine have names of their own, and each keeps its name" do
    assert Xavos.Jobs.instance() == Xavos.Jobs.instance()
    assert Xavos.Jobs.instance() =~ ~r/\A\S+\.[0-9a-f]{8}\z/
    assert Xavos.Jobs.config()[:node] == Xavos.Jobs.instance()
  end

  defp executing(attempted_by) do
    {:ok, job} = %{} |> Oban.Job.new(worker: "Some.Worker") |> Repo.insert()

    Repo.query!(
      "UPDATE oban_jobs SET state = 'executing', attempt = 2, attempted_by = $2 WHERE id = $1",
      [job.id, attempted_by]
    )

    job.id
  end
end
