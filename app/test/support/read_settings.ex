defmodule Xavos.ReadSettings do
  @moduledoc "Looks a value up in the configuration that `Xavos.Settings` has read."

  @doc "The value of a key, whichever application has it; nil if none has."
  def setting(config, key) do
    Enum.find_value(config, fn {_application, settings} ->
      with {^key, value} <- List.keyfind(settings, key, 0), do: value
    end)
  end
end
