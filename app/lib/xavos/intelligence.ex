defmodule Xavos.Intelligence do
  @moduledoc """
  The domain of advice on priorities and assignments, from Claude, or from a heuristic if no key is configured.

  Advice is only ever proposed. What becomes of it is an operator's decision, unless the configuration says otherwise
  (`XAVOS_ADVICE_APPLY`, see `Xavos.Settings.Advice`).
  """
  use Ash.Domain, otp_app: :xavos, extensions: [], fragments: []

  resources do
    resource Xavos.Intelligence.Advice do
      define :request_advice, action: :request, args: [:kind]
      define :apply_advice, action: :apply, args: [:id]
      define :dismiss_advice, action: :dismiss
      define :list_advices, action: :list
      define :get_advice, action: :read, get_by: [:id]
      define :propose_advice, action: :propose
      define :begin_applying, action: :begin_applying
      define :record_outcome, action: :record_outcome, args: [:suggestions]
    end

    resource Xavos.Intelligence.Reservation
  end

  @topic "intelligence:advices"

  @doc "From now on this process is sent `:advices_changed` whenever an advice is new or has changed, in this VM."
  def subscribe, do: Phoenix.PubSub.subscribe(Xavos.PubSub, @topic)

  @doc "Takes what `Ash.Notifier.PubSub` tells; what it is about is read by whoever shows it."
  def broadcast(topic, _event, _notification),
    do: Phoenix.PubSub.broadcast(Xavos.PubSub, topic, :advices_changed)
end
