defmodule OpenApiSpex.Info do
  @moduledoc "Rehearsal stand-in: the info object of an OpenAPI document."
  defstruct [:title, :version]
end

defmodule OpenApiSpex.OpenApi do
  @moduledoc "Rehearsal stand-in: an OpenAPI document."
  defstruct openapi: "3.0.0", info: nil, paths: %{}, components: %{}, servers: [], tags: [], security: []

  def to_map(%__MODULE__{} = spec), do: spec |> Map.from_struct() |> Map.update!(:info, &(&1 && Map.from_struct(&1)))
end
