defmodule Xavos.Coordination.CoordinationEvent.Broadcast do
  @moduledoc "Sends every event to `Xavos.Coordination.Events` after its transaction was committed."
  use Spark.Dsl.Fragment, of: Ash.Resource, notifiers: [Ash.Notifier.PubSub]

  alias Xavos.Coordination.Events

  pub_sub do
    module Events
    publish :record, "coordination:events", transform: &Events.told/1
  end
end
