defmodule Xavos.Bridge.Report do
  @moduledoc "The report of an import: what was done with each entry."

  alias Xavos.Bridge.Format

  @none %{created: 0, updated: 0, unchanged: 0, skipped: 0}

  defstruct files: [], agents: @none, work_items: @none, dependencies: @none, problems: []

  @type counts :: %{
          created: non_neg_integer,
          updated: non_neg_integer,
          unchanged: non_neg_integer,
          skipped: non_neg_integer
        }

  @type t :: %__MODULE__{
          files: [String.t()],
          agents: counts,
          work_items: counts,
          dependencies: counts,
          problems: [Format.problem()]
        }

  @doc false
  def count(report, what, outcome), do: update_in(report, [Access.key!(what), outcome], &(&1 + 1))

  @doc false
  def skipped(report, what, entry, reason) do
    file = Format.file(if what == :agents, do: :agent_status, else: :work_claims)
    problem = %{file: file, place: entry.place, id: entry.id, reason: reason}
    count(%{report | problems: report.problems ++ [problem]}, what, :skipped)
  end

  @doc "The report in words."
  @spec to_text(t) :: String.t()
  def to_text(report) do
    counts =
      for what <- [:agents, :work_items, :dependencies] do
        counts = Map.fetch!(report, what)
        name = what |> to_string() |> String.replace("_", " ") |> String.pad_trailing(13)

        "#{name} #{counts.created} created, #{counts.updated} updated, #{counts.unchanged} unchanged, " <>
          "#{counts.skipped} skipped\n"
      end

    problems =
      for problem <- report.problems do
        id = if problem.id, do: " (#{problem.id})", else: ""
        "#{problem.file}#{problem.place}#{id}: #{problem.reason}\n"
      end

    IO.iodata_to_binary([counts, problems])
  end
end
