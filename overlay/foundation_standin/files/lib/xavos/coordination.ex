defmodule Xavos.Coordination do
  @moduledoc "The agents that XAVOS coordinates."
  use Ash.Domain, otp_app: :xavos, extensions: []

  resources do
    resource Xavos.Coordination.Agent do
      define :register_agent, action: :register
      define :list_agents, action: :list
      define :get_agent_by_agent_id, action: :read, get_by: [:agent_id]
      define :set_agent_status, action: :set_status, args: [:status]
      define :remove_agent, action: :destroy
    end
  end
end
