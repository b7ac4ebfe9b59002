defmodule Xavos.Coordination.Api do
  @moduledoc "The routes of the JSON:API below `/api/json`. Every transition of work is a PATCH on its own path."
  use Spark.Dsl.Fragment, of: Ash.Domain, extensions: [AshJsonApi.Domain]

  alias Xavos.Coordination.{Agent, CoordinationEvent, Team, WorkItem}

  json_api do
    routes do
      base_route "/teams", Team do
        index :list
        get :read
        post :create
        patch :update
        delete :destroy
      end

      base_route "/agents", Agent do
        index :list
        get :read
        post :register
        patch :update
        delete :destroy
        patch :set_status, route: "/:id/status"
        patch :heartbeat, route: "/:id/heartbeat"
        patch :activate, route: "/:id/activate"
        patch :begin_maintenance, route: "/:id/maintenance"
        patch :go_offline, route: "/:id/offline"
      end

      base_route "/work-items", WorkItem do
        index :list
        get :read
        post :add
        patch :update
        delete :destroy
        post :claim_next, route: "/claim"
        patch :assign, route: "/:id/assign"
        patch :start, route: "/:id/start"
        patch :report_progress, route: "/:id/progress"
        patch :block, route: "/:id/block"
        patch :unblock, route: "/:id/unblock"
        patch :complete, route: "/:id/complete"
        patch :fail, route: "/:id/fail"
        patch :cancel, route: "/:id/cancel"
        patch :release, route: "/:id/release"
        patch :retry, route: "/:id/retry"
        patch :schedule, route: "/:id/due"
      end

      base_route "/events", CoordinationEvent do
        index :recent
        get :read
      end
    end
  end
end
