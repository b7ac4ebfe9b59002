defmodule Xavos.Factory do
  @moduledoc "Teams, agents and work for tests, made without asking who makes them."

  alias Xavos.Coordination

  @doc "A team; `attributes` as `Coordination.create_team/2` takes them."
  def team(attributes \\ %{}) do
    %{name: unique("team")}
    |> Map.merge(Map.new(attributes))
    |> Coordination.create_team!(authorize?: false)
  end

  @doc "An agent that has registered."
  def agent(attributes \\ %{}) do
    %{agent_id: unique("agent"), name: "An agent"}
    |> Map.merge(Map.new(attributes))
    |> Coordination.register_agent!(authorize?: false)
  end

  @doc "An item of work that waits for somebody."
  def work_item(attributes \\ %{}) do
    %{work_item_id: unique("W"), description: "Something to do"}
    |> Map.merge(Map.new(attributes))
    |> Coordination.add_work_item!(authorize?: false)
  end

  @doc "A name that nothing else has."
  def unique(prefix), do: "#{prefix}-#{System.unique_integer([:positive])}"
end
