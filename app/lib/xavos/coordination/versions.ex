defmodule Xavos.Coordination.Versions do
  @moduledoc "Shared by all version resources: every signed-in user may read versions, and nobody may write them."

  defmacro __using__(_options) do
    quote do
      policies do
        policy action_type(:read) do
          authorize_if actor_present()
        end

        policy action_type([:create, :update, :destroy]) do
          forbid_if always()
        end
      end
    end
  end
end
