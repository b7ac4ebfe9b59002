defmodule Picosat do
  @moduledoc "Rehearsal stand-in: a SAT solver that tries all assignments."

  def solve(clauses) do
    names = clauses |> List.flatten() |> Enum.map(&abs/1) |> Enum.uniq()

    names
    |> guess()
    |> Enum.find_value({:error, :unsatisfiable}, fn guess -> Enum.all?(clauses, &holds?(&1, guess)) && {:ok, guess} end)
  end

  defp holds?(clause, guess), do: Enum.any?(clause, &(&1 in guess))
  defp guess([]), do: [[]]
  defp guess([name | rest]), do: for(sign <- [1, -1], others <- guess(rest), do: [sign * name | others])
end
