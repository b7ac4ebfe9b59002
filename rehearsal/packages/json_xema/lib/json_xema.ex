defmodule JsonXema do
  @moduledoc "Rehearsal stand-in: a JSON schema that accepts every value."

  def new(schema), do: Xema.new(schema)
  def validate(_schema, _value), do: :ok
end
