defmodule Xavos.Expectations.Accounts do
  @moduledoc "Who may do what: accounts, and what is coordinated."
  @behaviour Xavos.Expectations

  alias Xavos.Accounts.{ApiKey, Token, User}
  alias Xavos.Coordination.{Agent, CoordinationEvent, Team, WorkItem, WorkItemDependency}

  @signed_in [:operator, :viewer, :agent, :own]
  @operators [:operator]
  @nobody []

  @impl true
  def table do
    %{
      {Team, :read} => @signed_in,
      {Team, :list} => @signed_in,
      {Team, :create} => @operators,
      {Team, :update} => @operators,
      {Team, :destroy} => @operators,
      {Agent, :read} => @signed_in,
      {Agent, :list} => @signed_in,
      {Agent, :register} => [:operator, :agent, :own],
      {Agent, :update} => @operators,
      {Agent, :set_status} => [:operator, :own],
      {Agent, :destroy} => @operators,
      {WorkItem, :read} => @signed_in,
      {WorkItem, :list} => @signed_in,
      {WorkItem, :add} => @operators,
      {WorkItem, :update} => @operators,
      {WorkItem, :destroy} => @operators,
      {WorkItemDependency, :read} => @signed_in,
      {WorkItemDependency, :add} => @operators,
      {WorkItemDependency, :destroy} => @operators,
      {CoordinationEvent, :read} => @signed_in,
      {CoordinationEvent, :recent} => @signed_in,
      {CoordinationEvent, :record} => @nobody,
      # Everybody sees themselves, so a read is never refused to whoever is signed in.
      {User, :read} => @signed_in,
      {User, :list} => @signed_in,
      {User, :set_role} => @operators,
      {User, :create_service_account} => @operators,
      {ApiKey, :read} => @signed_in,
      {ApiKey, :list} => @signed_in,
      {ApiKey, :issue} => @operators,
      {ApiKey, :revoke} => [:operator, :own],
      {Token, :read} => @nobody
    }
  end
end
