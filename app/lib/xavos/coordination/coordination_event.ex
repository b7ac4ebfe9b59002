defmodule Xavos.Coordination.CoordinationEvent do
  @moduledoc """
  An event: what happened, to which record, and by whom. Events can only be added. No action changes one, and the
  database refuses it too.
  """
  use Ash.Resource,
    otp_app: :xavos,
    domain: Xavos.Coordination,
    data_layer: AshPostgres.DataLayer,
    extensions: [],
    fragments: [
      Xavos.Coordination.CoordinationEvent.Policies,
      Xavos.Coordination.CoordinationEvent.Api,
      Xavos.Coordination.CoordinationEvent.Broadcast
    ]

  postgres do
    table "coordination_events"
    repo Xavos.Repo

    custom_indexes do
      index [:occurred_at]
      index [:subject_type, :subject_id]
    end

    custom_statements do
      statement :coordination_events_append_only_function do
        up """
        CREATE FUNCTION coordination_events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          RAISE EXCEPTION 'coordination_events are only ever added to' USING ERRCODE = 'restrict_violation';
        END
        $$
        """

        down "DROP FUNCTION coordination_events_append_only()"
      end

      statement :coordination_events_append_only_trigger do
        up """
        CREATE TRIGGER coordination_events_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON coordination_events
        FOR EACH STATEMENT EXECUTE FUNCTION coordination_events_append_only()
        """

        down "DROP TRIGGER coordination_events_append_only ON coordination_events"
      end
    end
  end

  actions do
    defaults [:read]

    read :recent do
      description "What happened, the latest first."
      prepare build(sort: [occurred_at: :desc, id: :desc])
      pagination offset?: true, keyset?: true, required?: false, default_limit: 50
    end

    create :record do
      primary? true
      accept [:kind, :subject_type, :subject_id, :actor, :data]
    end
  end

  attributes do
    uuid_v7_primary_key :id

    attribute :kind, :string do
      description "What was done, such as `work_item.complete`."
      allow_nil? false
      public? true
      constraints max_length: 100
    end

    attribute :subject_type, :string do
      description "What it was done to: `agent`, `team` or `work_item`."
      allow_nil? false
      public? true
      constraints max_length: 50
    end

    attribute :subject_id, :string do
      description "The name by which that is known outside: an agent_id, a work_item_id, a team's name."
      allow_nil? false
      public? true
      constraints max_length: 200
    end

    attribute :actor, :string do
      description "Who did it; `system` where nobody was signed in."
      allow_nil? false
      public? true
      default "system"
      constraints max_length: 320
    end

    attribute :data, :map do
      description "What has changed: names and new values."
      allow_nil? false
      public? true
      default %{}
    end

    create_timestamp :occurred_at, public?: true
  end
end
