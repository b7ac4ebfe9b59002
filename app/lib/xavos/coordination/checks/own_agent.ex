defmodule Xavos.Coordination.Checks.OwnAgent do
  @moduledoc "Checks that the agent with the given `agent_id` belongs to the actor."
  use Ash.Policy.SimpleCheck

  alias Xavos.Coordination.Agent

  require Ash.Query

  @impl true
  def describe(_options), do: "the agent is the actor's own"

  @impl true
  def match?(%{id: id}, %{subject: %{arguments: %{agent_id: agent_id}}}, _options) do
    Agent
    |> Ash.Query.filter(agent_id == ^agent_id and account_id == ^id)
    |> Ash.exists?(authorize?: false)
  end

  def match?(_actor, _context, _options), do: false
end
