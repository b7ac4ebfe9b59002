defmodule Postgrex.Types do
  @moduledoc false

  @bool 16
  @bytea 17
  @integers [20, 21, 23, 26]
  @floats [700, 701]
  @numeric 1700
  @json [114, 3802]
  @uuid 2950
  @date 1082
  @time 1083
  @timestamp 1114
  @timestamptz 1184
  @arrays %{
    1000 => 16,
    1005 => 21,
    1007 => 23,
    1016 => 20,
    1009 => 25,
    1015 => 25,
    1002 => 25,
    1003 => 25,
    2951 => 2950
  }

  def decode(@bool, value), do: value == "t"
  def decode(@bytea, "\\x" <> hex), do: Base.decode16!(hex, case: :mixed)
  def decode(type, value) when type in @integers, do: String.to_integer(value)
  def decode(type, value) when type in @floats, do: value |> Float.parse() |> elem(0)
  def decode(@numeric, value), do: Decimal.new(value)
  def decode(type, value) when type in @json, do: Jason.decode!(value)
  def decode(@uuid, value), do: value |> String.replace("-", "") |> Base.decode16!(case: :mixed)
  def decode(@date, value), do: Date.from_iso8601!(value)
  def decode(@time, value), do: Time.from_iso8601!(value)
  def decode(@timestamp, value), do: NaiveDateTime.from_iso8601!(value)

  def decode(@timestamptz, value) do
    value = if value =~ ~r/[+-]\d\d$/, do: value <> ":00", else: value
    {:ok, time, _} = DateTime.from_iso8601(value)
    time
  end

  def decode(type, value) when is_map_key(@arrays, type) do
    value |> String.slice(1..-2//1) |> elements() |> Enum.map(&(&1 && decode(@arrays[type], &1)))
  end

  def decode(_, value), do: value

  def encode(_, nil), do: nil
  def encode(@uuid, <<raw::binary-16>>), do: raw |> Base.encode16(case: :lower) |> dashed()
  def encode(@bytea, raw), do: "\\x" <> Base.encode16(raw)
  def encode(type, value) when type in @json, do: Jason.encode!(value)
  def encode(type, list) when is_map_key(@arrays, type), do: array(list, @arrays[type])
  def encode(_, %NaiveDateTime{} = value), do: NaiveDateTime.to_iso8601(value)
  def encode(_, %DateTime{} = value), do: DateTime.to_iso8601(value)
  def encode(_, value) when is_list(value), do: array(value, 25)
  def encode(_, value), do: to_string(value)

  defp array(list, type), do: "{" <> Enum.map_join(list, ",", &quoted(encode(type, &1))) <> "}"

  defp dashed(<<a::binary-8, b::binary-4, c::binary-4, d::binary-4, e::binary-12>>), do: Enum.join([a, b, c, d, e], "-")

  defp quoted(nil), do: "NULL"
  defp quoted(text), do: "\"" <> String.replace(text, ~r/["\\]/, "\\\\\\0") <> "\""

  defp elements(""), do: []

  defp elements(text) do
    for [_, quoted, plain] <- Regex.scan(~r/(?:"((?:[^"\\]|\\.)*)"|([^,]+))(?:,|$)/, text <> ",") |> Enum.map(&pad/1) do
      cond do
        plain == "NULL" -> nil
        plain != "" -> plain
        true -> String.replace(quoted, ~r/\\(.)/, "\\1")
      end
    end
  end

  defp pad([all, quoted]), do: [all, quoted, ""]
  defp pad(match), do: match
end
