defmodule Xavos.Coordination.Versions do
  @moduledoc "What all resources of versions have in common: whoever is signed in may read them, nobody writes them."

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
