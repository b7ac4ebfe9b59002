defmodule Migrations.Json do
  @moduledoc "JSON of what a migration can hold. Elixir has an encoder of its own from 1.18 on; older ones are in use."

  def encode(nil), do: "null"
  def encode(value) when is_boolean(value) or is_integer(value), do: to_string(value)
  def encode(value) when is_float(value), do: :io_lib.format(~c"~p", [value])
  def encode(value) when is_atom(value), do: value |> Atom.to_string() |> encode()
  def encode(value) when is_binary(value), do: [?", for(<<code::utf8 <- value>>, do: escaped(code)), ?"]
  def encode(value) when is_map(value), do: object(value)
  def encode([]), do: "[]"
  def encode(value) when is_list(value), do: if(Keyword.keyword?(value), do: object(value), else: array(value))
  def encode({type, options}) when is_list(options), do: object(type: type, options: Map.new(options))
  def encode(value), do: value |> inspect() |> encode()

  defp object(pairs) do
    [?{, pairs |> Enum.map(fn {key, value} -> [encode(to_string(key)), ?:, encode(value)] end) |> Enum.intersperse(?,), ?}]
  end

  defp array(items), do: [?[, items |> Enum.map(&encode/1) |> Enum.intersperse(?,), ?]]

  defp escaped(?"), do: "\\\""
  defp escaped(?\\), do: "\\\\"
  defp escaped(code) when code < 32, do: :io_lib.format("\\u~4.16.0b", [code])
  defp escaped(code), do: <<code::utf8>>
end
