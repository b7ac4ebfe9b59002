defmodule Xavos.Coordination.Agent.Account do
  @moduledoc "An agent belongs to the account that registered it, if that is an account of agents."
  use Spark.Dsl.Fragment, of: Ash.Resource, extensions: [AshPostgres.DataLayer]

  alias Xavos.Coordination.Changes.SetAccount

  postgres do
    references do
      reference :account, on_delete: :nilify, index?: true
    end
  end

  changes do
    change SetAccount, on: [:create]
  end

  relationships do
    belongs_to :account, Xavos.Accounts.User, attribute_writable?: false
  end
end
