defmodule Xavos.Expectations do
  @moduledoc """
  Who may do what, as the tests of the policies expect it: a table of `{resource, action} => roles`.

  A layer that adds actions adds a module of this behaviour below `test/support`; an action that no table speaks of fails
  the test. `:own` stands for an account of agents, for what its own agents are and hold.
  """

  @type role :: :operator | :viewer | :agent | :own | :nobody

  @doc "Whom each action is open to."
  @callback table() :: %{{module, atom} => [role]}

  @doc "The tables of all layers, merged."
  def all do
    {:ok, modules} = :application.get_key(:xavos, :modules)

    modules
    |> Enum.filter(&(__MODULE__ in behaviours(&1)))
    |> Enum.reduce(%{}, &Map.merge(&2, &1.table()))
  end

  defp behaviours(module) do
    Code.ensure_loaded!(module)
    for {:behaviour, found} <- module.module_info(:attributes), one <- found, do: one
  end
end
