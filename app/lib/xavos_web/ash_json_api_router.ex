defmodule XavosWeb.AshJsonApiRouter do
  @moduledoc "Routes the JSON:API below `/api/json`. Its OpenAPI document is at `/api/json/open_api`."
  use AshJsonApi.Router,
    domains: [Xavos.Accounts, Xavos.Coordination],
    open_api: "/open_api",
    open_api_title: "XAVOS",
    open_api_version: "1.0",
    modify_open_api: {XavosWeb.OpenApi, :valid, []}
end
