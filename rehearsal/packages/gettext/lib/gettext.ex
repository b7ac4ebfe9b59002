defmodule Gettext do
  @moduledoc "Rehearsal stand-in: returns every text untranslated."

  defmacro __using__(opts) do
    quote do
      @gettext_backend unquote(opts[:backend])
      _ = @gettext_backend
      import Gettext.Macros
    end
  end

  def gettext(_backend, text, bindings \\ %{}), do: fill(text, bindings)
  def dgettext(_backend, _domain, text, bindings \\ %{}), do: fill(text, bindings)

  def ngettext(backend, one, many, count, bindings \\ %{}),
    do: dngettext(backend, "default", one, many, count, bindings)

  def dngettext(_backend, _domain, one, many, count, bindings \\ %{}) do
    fill(if(count == 1, do: one, else: many), Map.put(Map.new(bindings), :count, count))
  end

  defp fill(text, bindings) do
    Enum.reduce(bindings, text, fn {key, value}, text -> String.replace(text, "%{#{key}}", to_string(value)) end)
  end
end

defmodule Gettext.Macros do
  @moduledoc false

  defmacro gettext(text, bindings \\ Macro.escape(%{})),
    do: quote(do: Gettext.gettext(nil, unquote(text), unquote(bindings)))

  defmacro dgettext(domain, text, bindings \\ Macro.escape(%{})),
    do: quote(do: Gettext.dgettext(nil, unquote(domain), unquote(text), unquote(bindings)))

  defmacro ngettext(one, many, count, bindings \\ Macro.escape(%{})) do
    quote do: Gettext.ngettext(nil, unquote(one), unquote(many), unquote(count), unquote(bindings))
  end
end

defmodule Gettext.Backend do
  @moduledoc false

  defmacro __using__(_opts), do: nil
end
