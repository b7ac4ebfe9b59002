defmodule Xavos.Coordination do
  @moduledoc "The agents that XAVOS coordinates."
  use Ash.Domain, otp_app: :xavos, extensions: [AshAdmin.Domain, AshJsonApi.Domain]

  resources do
    resource Xavos.Coordination.Agent do
      define :register_agent, action: :register
      define :list_agents, action: :list
      define :get_agent_by_agent_id, action: :read, get_by: [:agent_id]
      define :set_agent_status, action: :set_status, args: [:status]
      define :remove_agent, action: :destroy
    end
  end

  admin do
    show? true
  end

  json_api do
    routes do
      base_route "/agents", Xavos.Coordination.Agent do
        index :list
        get :read
        post :register
        patch :set_status
      end
    end
  end
end
