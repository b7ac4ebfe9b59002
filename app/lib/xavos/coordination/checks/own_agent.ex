defmodule Xavos.Coordination.Checks.OwnAgent do
  @moduledoc "The agent that an action names by its `agent_id` is the actor's own."
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
