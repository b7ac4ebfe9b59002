defmodule Igniter do
  @moduledoc "Rehearsal stand-in: changes nothing."

  defstruct issues: [], notices: []

  def new, do: %__MODULE__{}
  def add_notice(igniter, notice), do: %{igniter | notices: [notice | igniter.notices]}
end
