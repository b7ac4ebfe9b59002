defmodule Xavos.Coordination.Statuses do
  @moduledoc "The statuses of work and agents, and the groups of statuses that several modules use."

  @working [:claimed, :in_progress]
  @held @working ++ [:blocked]
  @open [:pending | @held]
  @closed [:completed, :cancelled]
  @finished [:completed, :failed, :cancelled]

  @present [:active, :busy, :idle]
  @available [:registering | @present]

  @doc "Every status that an item of work can have, in the order of its life."
  def of_work, do: @open ++ @finished

  @doc "Work that an agent is doing: nothing blocks it."
  def working, do: @working

  @doc "Work that an agent has: it counts as the agent's workload."
  def held, do: @held

  @doc "Work that is not finished."
  def open, do: @open

  @doc "Work that is finished, whatever became of it."
  def finished, do: @finished

  @doc "Work that is finished for good: nothing waits for it, and nothing leads out of it."
  def closed, do: @closed

  @doc "Every status that an agent can have, in the order of its life."
  def of_agents, do: @available ++ [:maintenance, :offline]

  @doc "Agents at work."
  def present, do: @present

  @doc "Agents that can be given work."
  def available, do: @available
end
