defmodule Xavos.Coordination.WorkItemDependency do
  @moduledoc "A dependency: one work item waits for another."
  use Ash.Resource,
    otp_app: :xavos,
    domain: Xavos.Coordination,
    data_layer: AshPostgres.DataLayer,
    extensions: [],
    fragments: [
      Xavos.Coordination.WorkItemDependency.Policies,
      Xavos.Coordination.WorkItemDependency.Counting
    ]

  alias Xavos.Coordination.Validations.NoCircle
  alias Xavos.Coordination.WorkItem

  postgres do
    table "work_item_dependencies"
    repo Xavos.Repo

    references do
      reference :work_item, on_delete: :delete
      # What others wait for cannot be removed; it can be cancelled.
      reference :depends_on, on_delete: :restrict, index?: true
    end

    check_constraints do
      check_constraint :depends_on_id, "work_item_dependencies_on_another",
        check: "depends_on_id <> work_item_id",
        message: "must be another item"
    end
  end

  actions do
    defaults [:read, :destroy]

    create :add do
      primary? true
      accept [:work_item_id, :depends_on_id]
      upsert? true
      upsert_identity :unique_dependency
    end
  end

  validations do
    validate {NoCircle, relationship: :depends_on}, on: [:create], before_action?: true
  end

  attributes do
    create_timestamp :inserted_at
  end

  relationships do
    belongs_to :work_item, WorkItem, primary_key?: true, allow_nil?: false, public?: true
    belongs_to :depends_on, WorkItem, primary_key?: true, allow_nil?: false, public?: true
  end

  identities do
    identity :unique_dependency, [:work_item_id, :depends_on_id]
  end
end
