defmodule XavosWeb.AshJsonApiRouter do
  @moduledoc "JSON:API below `/api/json`, described at `/api/json/open_api`."
  use AshJsonApi.Router,
    domains: [Xavos.Accounts],
    open_api: "/open_api"
end
