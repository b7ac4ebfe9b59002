defmodule Xema do
  @moduledoc "Rehearsal stand-in: a schema that accepts every value."

  def new(schema), do: schema
  def valid?(_schema, _value), do: true
end
