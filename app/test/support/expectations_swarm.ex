defmodule Xavos.Expectations.Swarm do
  @moduledoc "Who may do what: claiming work, and what the bridge restores."
  @behaviour Xavos.Expectations

  alias Xavos.Coordination.{Agent, WorkItem}

  @operators [:operator]
  @own [:operator, :own]

  @impl true
  def table do
    %{
      {WorkItem, :claim_next} => @own,
      {WorkItem, :claim_batch} => @own,
      {WorkItem, :claim} => @operators,
      {WorkItem, :rerank} => @operators,
      {WorkItem, :count_dependencies} => @operators,
      {WorkItem, :restore} => @operators,
      {WorkItem, :restore_again} => @operators,
      {Agent, :take_on_more} => @operators,
      {Agent, :count_workload} => @operators,
      {Agent, :restore} => @operators,
      {Agent, :restore_again} => @operators
    }
  end
end
