defmodule Xavos.ErrorMessages do
  @moduledoc "Formats the messages of an error for people: without class, stack trace and placeholders."

  @doc "The messages of all errors that an error holds, separated by semicolons; `describe` words a single one."
  def join(error, describe \\ &message/1)

  def join(%{errors: [_ | _] = errors}, describe),
    do: Enum.map_join(errors, "; ", &join(&1, describe))

  def join(error, describe), do: describe.(error)

  @doc "The message of a single error, after the name of the field that it is about."
  def with_field(%{field: field} = error) when is_atom(field) and not is_nil(field),
    do: "#{field} #{message(error)}"

  def with_field(error), do: message(error)

  @doc "The message of a single error. Of one that has only a report, its first line."
  def message(%{message: message, vars: vars}) when is_binary(message) do
    Enum.reduce(vars || [], message, fn {name, value}, text ->
      String.replace(text, "%{#{name}}", text(value))
    end)
  end

  def message(error), do: error |> Exception.message() |> String.split("\n") |> hd()

  defp text(value) when is_binary(value) or is_atom(value) or is_number(value),
    do: to_string(value)

  defp text(value), do: inspect(value)
end
