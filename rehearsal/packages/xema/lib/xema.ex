defmodule Xema do
  @moduledoc "Rehearsal stand-in: a schema that every value fits."

  def new(schema), do: schema
  def valid?(_schema, _value), do: true
end
