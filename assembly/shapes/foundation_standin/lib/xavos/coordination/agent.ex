defmodule Xavos.Coordination.Agent do
  @moduledoc "An agent, known by its `agent_id`, and what it is doing."
  use Ash.Resource,
    otp_app: :xavos,
    domain: Xavos.Coordination,
    data_layer: AshPostgres.DataLayer,
    extensions: [AshJsonApi.Resource]

  @statuses [:registering, :active, :busy, :idle, :maintenance, :offline]

  postgres do
    table "agents"
    repo Xavos.Repo
  end

  actions do
    defaults [:read, :destroy]

    read :list do
      description "All agents, by agent_id."
      prepare build(sort: [agent_id: :asc])
    end

    create :register do
      primary? true
      accept [:agent_id, :name, :status, :note]
    end

    update :set_status do
      primary? true
      accept [:status]
    end
  end

  attributes do
    uuid_primary_key :id

    attribute :agent_id, :string do
      description "What the agent calls itself; no two are the same."
      allow_nil? false
      public? true
      constraints max_length: 100, match: ~r/\A[a-z0-9][a-z0-9_.-]*\z/
    end

    attribute :name, :string do
      allow_nil? false
      public? true
      constraints max_length: 200
    end

    attribute :status, :atom do
      allow_nil? false
      public? true
      default :registering
      constraints one_of: @statuses
    end

    attribute :note, :string do
      description "What there is to know about it."
      public? true
      constraints max_length: 200
    end

    timestamps()
  end

  identities do
    identity :unique_agent_id, [:agent_id]
  end

  @doc "Every status that an agent can have, in the order of its life."
  def statuses, do: @statuses

  json_api do
    type "agent"
  end
end
