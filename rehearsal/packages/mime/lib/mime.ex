defmodule MIME do
  @moduledoc "Rehearsal stand-in: a few media types and the configured ones."

  @configured Application.compile_env(:mime, :types, %{})

  def type("json"), do: "application/json"
  def type("html"), do: "text/html"

  def type(extension),
    do: Enum.find_value(@configured, "application/octet-stream", fn {type, known} -> extension in known && type end)

  def extensions(type), do: Map.get(@configured, type, [])
end
