defmodule Ash.Error.Invalid do
  defexception errors: [], changeset: nil, class: :invalid
  @impl true
  def message(%{errors: errors}), do: Ash.Error.title("Invalid Error", errors)
end

defmodule Ash.Error.Forbidden do
  defexception errors: [], class: :forbidden
  @impl true
  def message(%{errors: errors}), do: Ash.Error.title("Forbidden Error", errors)
end

defmodule Ash.Error.Unknown do
  defexception errors: [], class: :unknown
  @impl true
  def message(%{errors: errors}), do: Ash.Error.title("Unknown Error", errors)
end

defmodule Ash.Error.Framework do
  defexception errors: [], class: :framework
  @impl true
  def message(%{errors: errors}), do: Ash.Error.title("Framework Error", errors)
end

defmodule Ash.Error.Framework.PendingCodegen do
  defexception [:diff, class: :framework]

  @impl true
  def message(%{diff: diff}) do
    "Pending Code Generations have been detected.\n\n" <>
      Enum.map_join(diff, "\n", fn {file, text} -> "#{file}\n#{text}" end)
  end
end

defmodule Ash.Error.Forbidden.Policy do
  defexception message: "forbidden", class: :forbidden
end

defmodule Ash.Error.Query.NotFound do
  defexception [:resource, :primary_key, class: :invalid]
  @impl true
  def message(_), do: "record not found"
end

defmodule Ash.Error.Changes.Required do
  defexception [:field, :resource, type: :attribute, class: :invalid, message: nil]
  @impl true
  def message(%{field: field, type: type}), do: "#{type} #{field} is required"
end

defmodule Ash.Error.Changes.InvalidAttribute do
  defexception [:field, :value, message: "is invalid", class: :invalid, vars: []]
  @impl true
  def message(%{field: field, message: message}), do: "Invalid value provided for #{field}: #{message}."
end

defmodule Ash.Error.Invalid.NoSuchInput do
  defexception [:input, :resource, class: :invalid]
  @impl true
  def message(%{input: input, resource: resource}), do: "No such input `#{input}` for action on #{inspect(resource)}"
end

defmodule Ash.Error do
  @moduledoc "Rehearsal stand-in: error classes."

  def to_class(%module{} = error)
      when module in [Ash.Error.Invalid, Ash.Error.Forbidden, Ash.Error.Unknown, Ash.Error.Framework],
      do: error

  def to_class(errors) when is_list(errors), do: %Ash.Error.Invalid{errors: errors}
  def to_class(%{class: :forbidden} = error), do: %Ash.Error.Forbidden{errors: [error]}
  def to_class(%{class: :invalid} = error), do: %Ash.Error.Invalid{errors: [error]}
  def to_class(error), do: %Ash.Error.Unknown{errors: [error]}

  def title(title, errors) do
    lines = Enum.map_join(errors, "\n", fn error -> "* " <> Exception.message(error) end)
    "\n#{title}\n\n#{lines}\n"
  end
end
