defmodule XavosWeb.OpenApiTest do
  use ExUnit.Case, async: true

  defp mended(schemas, paths \\ %{}),
    do: XavosWeb.OpenApi.valid(%{components: %{schemas: schemas}, paths: paths}, nil, [])

  defp schema(schema), do: mended(%{"a" => schema})["components"]["schemas"]["a"]

  test "null is no type: what may be null is nullable" do
    assert %{"type" => "string", "nullable" => true, "description" => "d"} ==
             schema(%{anyOf: [%{type: :string}, %{type: :null}], description: "d"})

    assert %{"anyOf" => [%{"type" => "string"}, %{"type" => "integer"}], "nullable" => true} ==
             schema(%{anyOf: [%{type: :string}, %{type: :integer}, %{type: :null}]})

    assert %{"allOf" => [%{"$ref" => "#/components/schemas/b"}], "nullable" => true} ==
             schema(%{anyOf: [%{"$ref" => "#/components/schemas/b"}, %{type: :null}]})
  end

  test "alternatives without null stay as they are" do
    assert %{"anyOf" => [%{"type" => "string"}]} == schema(%{anyOf: [%{type: :string}]})
  end

  test "deepObject is no type, and a property of that name is left alone" do
    assert %{"type" => "object", "properties" => %{"type" => %{"type" => "string"}}} ==
             schema(%{type: :deepObject, properties: %{type: %{type: :string}}})
  end

  test "names of schemas have no question mark, nor have references to them" do
    schemas = %{"stale?" => %{type: :boolean}, "a" => %{"$ref" => "#/components/schemas/stale?"}}

    assert %{
             "stale" => %{"type" => "boolean"},
             "a" => %{"$ref" => "#/components/schemas/stale"}
           } == mended(schemas)["components"]["schemas"]
  end

  test "parameters of a path are of a style that paths have" do
    parameters = [%{in: :path, style: :form}, %{in: :query, style: :form}]

    assert [%{"in" => "path", "style" => "simple"}, %{"in" => "query", "style" => "form"}] ==
             mended(%{}, parameters)["paths"]
  end
end
