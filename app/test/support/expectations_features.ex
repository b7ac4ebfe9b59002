defmodule Xavos.Expectations.Features do
  @moduledoc "Who may do what: the lives of agents and of work."
  @behaviour Xavos.Expectations

  alias Xavos.Coordination.{Agent, WorkItem}

  @operators [:operator]
  @own [:operator, :own]

  @impl true
  def table do
    %{
      {Agent, :activate} => @own,
      {Agent, :begin_maintenance} => @own,
      {Agent, :go_offline} => @own,
      {Agent, :heartbeat} => @own,
      {Agent, :expire} => @operators,
      {Agent, :take_on} => @operators,
      {Agent, :lay_down} => @operators,
      {WorkItem, :assign} => @operators,
      {WorkItem, :start} => @own,
      {WorkItem, :report_progress} => @own,
      {WorkItem, :block} => @own,
      {WorkItem, :unblock} => @own,
      {WorkItem, :complete} => @own,
      {WorkItem, :fail} => @own,
      {WorkItem, :cancel} => @operators,
      {WorkItem, :release} => @own,
      {WorkItem, :retry} => @operators
    }
  end
end
