defmodule AshPhoenix.Broken do
  @moduledoc false
  def answer, do: no_such_function()
end
