defmodule Phoenix.HTML do
  @moduledoc "Rehearsal stand-in: escapes text for HTML."

  defmacro __using__(_), do: quote(do: import(Phoenix.HTML))

  def raw({:safe, data}), do: {:safe, data}
  def raw(nil), do: {:safe, ""}
  def raw(data), do: {:safe, data}

  def html_escape({:safe, _} = safe), do: safe
  def html_escape(other), do: {:safe, Phoenix.HTML.Safe.to_iodata(other)}

  @doc "One attribute of a tag as iodata, with its leading blank; nothing for nil and false."
  def attribute(_, value) when value in [nil, false], do: []
  def attribute(key, true), do: [" ", to_string(key)]

  def attribute(key, value) when key in [:class, "class"],
    do: named(key, value |> List.wrap() |> List.flatten() |> Enum.filter(& &1) |> Enum.join(" "))

  def attribute(key, %{} = map) when not is_struct(map), do: for({k, v} <- map, do: attribute("#{key}-#{k}", v))
  def attribute(key, value), do: named(key, value)

  defp named(key, value), do: [" ", to_string(key), "=\"", Phoenix.HTML.Safe.to_iodata(value), "\""]
end

defmodule Phoenix.HTML.Engine do
  @moduledoc false

  def escape(text), do: for(<<char::utf8 <- text>>, into: "", do: escape_char(char))
  def html_escape(text), do: escape(text)

  defp escape_char(?<), do: "&lt;"
  defp escape_char(?>), do: "&gt;"
  defp escape_char(?&), do: "&amp;"
  defp escape_char(?"), do: "&quot;"
  defp escape_char(?'), do: "&#39;"
  defp escape_char(char), do: <<char::utf8>>
end

defprotocol Phoenix.HTML.Safe do
  def to_iodata(value)
end

defimpl Phoenix.HTML.Safe, for: Atom do
  def to_iodata(nil), do: ""
  def to_iodata(atom), do: Phoenix.HTML.Engine.escape(Atom.to_string(atom))
end

defimpl Phoenix.HTML.Safe, for: BitString do
  def to_iodata(text), do: Phoenix.HTML.Engine.escape(text)
end

defimpl Phoenix.HTML.Safe, for: Tuple do
  def to_iodata({:safe, data}), do: data
end

defimpl Phoenix.HTML.Safe, for: List do
  def to_iodata(list) do
    Enum.map(list, fn
      char when is_integer(char) -> Phoenix.HTML.Engine.escape(<<char::utf8>>)
      other -> Phoenix.HTML.Safe.to_iodata(other)
    end)
  end
end

defimpl Phoenix.HTML.Safe, for: [Integer, Float, Date, Time, NaiveDateTime, DateTime, URI] do
  def to_iodata(value), do: value |> to_string() |> Phoenix.HTML.Engine.escape()
end

defmodule Phoenix.HTML.FormField do
  defstruct [:id, :name, :errors, :field, :form, :value]
end

defmodule Phoenix.HTML.Form do
  @moduledoc false

  defstruct [
    :source,
    :impl,
    :id,
    :name,
    :action,
    data: %{},
    params: %{},
    hidden: [],
    options: [],
    errors: [],
    index: nil
  ]

  @behaviour Access

  @impl true
  def fetch(form, key) do
    name = to_string(key)

    {:ok,
     %Phoenix.HTML.FormField{
       id: if(form.name, do: "#{form.name}_#{name}", else: name),
       name: if(form.name, do: "#{form.name}[#{name}]", else: name),
       field: key,
       form: form,
       errors: for({^key, error} <- form.errors, do: error),
       value: Map.get(form.params, name) || (is_map(form.data) && is_atom(key) && Map.get(form.data, key)) || nil
     }}
  end

  @impl true
  def get_and_update(_, _, _), do: raise("forms are read only")
  @impl true
  def pop(_, _), do: raise("forms are read only")

  def normalize_value("checkbox", value), do: value in [true, "true"]
  def normalize_value("textarea", value), do: value
  def normalize_value(_, value), do: value

  def options_for_select(options, selected) do
    selected = selected |> List.wrap() |> Enum.map(&to_string/1)

    {:safe,
     for option <- options do
       {label, value} = if is_tuple(option), do: option, else: {option, option}
       chosen = if to_string(value) in selected, do: " selected", else: ""

       [
         "<option value=\"",
         Phoenix.HTML.Safe.to_iodata(to_string(value)),
         "\"",
         chosen,
         ">",
         Phoenix.HTML.Safe.to_iodata(to_string(label)),
         "</option>"
       ]
     end}
  end
end

defprotocol Phoenix.HTML.FormData do
  @fallback_to_any true
  def to_form(data, options)
end

defimpl Phoenix.HTML.FormData, for: Map do
  def to_form(params, opts) do
    {name, opts} = Keyword.pop(opts, :as)
    {errors, opts} = Keyword.pop(opts, :errors, [])
    {id, opts} = Keyword.pop(opts, :id)
    name = name && to_string(name)

    %Phoenix.HTML.Form{
      source: params,
      impl: __MODULE__,
      id: id || name,
      name: name,
      params: params,
      errors: errors,
      options: opts
    }
  end
end

defimpl Phoenix.HTML.FormData, for: Any do
  def to_form(%{params: params} = source, opts) do
    name = opts[:as] && to_string(opts[:as])
    %Phoenix.HTML.Form{source: source, impl: __MODULE__, id: name, name: name, params: params || %{}, options: opts}
  end
end
