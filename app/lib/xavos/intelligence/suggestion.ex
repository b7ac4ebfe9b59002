defmodule Xavos.Intelligence.Suggestion do
  @moduledoc "One suggestion of an advice: a new priority or an agent for an item, the reason, and its result."
  use Ash.Resource, data_layer: :embedded, embed_nil_values?: false

  alias Xavos.Coordination.WorkItem

  actions do
    defaults [:read, :destroy, create: :*, update: :*]
  end

  validations do
    validate present([:priority, :agent_id], exactly: 1)
  end

  attributes do
    attribute :work_item_id, :string do
      description "What the item is called."
      allow_nil? false
      public? true
      constraints max_length: 100
    end

    attribute :from, :atom do
      description "The priority that it had when the advice was given."
      public? true
      constraints one_of: WorkItem.priorities()
    end

    attribute :priority, :atom do
      description "The priority that it should have."
      public? true
      constraints one_of: WorkItem.priorities()
    end

    attribute :agent_id, :string do
      description "What the agent calls itself that should do it."
      public? true
      constraints max_length: 100
    end

    attribute :reason, :string do
      allow_nil? false
      public? true
      constraints max_length: 500
    end

    attribute :outcome, :atom do
      description "What has become of it."
      allow_nil? false
      public? true
      default :open
      constraints one_of: [:open, :applied, :skipped]
    end

    attribute :note, :string do
      description "Why it was skipped."
      public? true
      constraints max_length: 500
    end
  end
end
