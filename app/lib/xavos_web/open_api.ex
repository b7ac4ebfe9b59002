defmodule XavosWeb.OpenApi do
  @moduledoc """
  Corrects AshJsonApi's OpenAPI document so that it is valid OpenAPI 3.0: no type `null`, valid styles of
  parameters, and no question marks in names of schemas.
  """

  @schemas "#/components/schemas/"

  @doc "`modify_open_api` of `XavosWeb.AshJsonApiRouter`: the description as the map that it is in JSON."
  @spec valid(OpenApiSpex.OpenApi.t(), Plug.Conn.t() | nil, keyword) :: map
  def valid(description, _conn, _options) do
    description
    |> Jason.encode!()
    |> Jason.decode!()
    |> update_in(["components", "schemas"], fn schemas ->
      Map.new(schemas, fn {name, schema} -> {name(name), schema} end)
    end)
    |> mend()
  end

  defp mend(%{} = map),
    do: map |> Map.new(fn {key, value} -> {key, mend(value)} end) |> mend_one()

  defp mend(list) when is_list(list), do: Enum.map(list, &mend/1)
  defp mend(value), do: value

  defp mend_one(%{"anyOf" => [_ | _] = schemas} = schema) do
    case Enum.reject(schemas, &(&1 == %{"type" => "null"})) do
      ^schemas -> schema
      [one] -> schema |> Map.delete("anyOf") |> Map.merge(nullable(one))
      several -> Map.merge(schema, %{"anyOf" => several, "nullable" => true})
    end
  end

  defp mend_one(%{"in" => "path", "style" => "form"} = parameter),
    do: %{parameter | "style" => "simple"}

  defp mend_one(%{"type" => "deepObject"} = schema), do: %{schema | "type" => "object"}

  defp mend_one(%{"$ref" => @schemas <> name} = reference),
    do: %{reference | "$ref" => @schemas <> name(name)}

  defp mend_one(map), do: map

  # What stands beside a reference does not count.
  defp nullable(%{"$ref" => _} = reference), do: %{"allOf" => [reference], "nullable" => true}
  defp nullable(schema), do: Map.put(schema, "nullable", true)

  defp name(name), do: String.replace(name, "?", "")
end
