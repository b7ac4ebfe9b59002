defmodule Phoenix.Component do
  @moduledoc "Rehearsal stand-in: function components, slots and the ~H sigil."

  alias Phoenix.LiveView.TagEngine

  defmacro __using__(_opts) do
    quote do
      import Phoenix.Component
      import Phoenix.Component.Declarative
      require Phoenix.Component
      Module.register_attribute(__MODULE__, :component_defs, accumulate: true)
      @component_pending []
      @on_definition Phoenix.Component.Declarative
      @before_compile Phoenix.Component.Declarative
    end
  end

  defmacro sigil_H({:<<>>, _, [source]}, _), do: TagEngine.compile(source, __CALLER__)

  defmacro embed_templates(pattern, _opts \\ []) do
    root = Path.dirname(__CALLER__.file)
    files = Path.wildcard(Path.join(root, pattern <> ".html.heex"))

    for file <- files do
      name = file |> Path.basename(".html.heex") |> String.to_atom()

      quote do
        @external_resource unquote(file)
        def unquote(name)(var!(assigns)) do
          _ = var!(assigns)
          unquote(TagEngine.compile(File.read!(file), %{__CALLER__ | file: file, line: 1}))
        end
      end
    end
  end

  def __fetch__(assigns, name) do
    case assigns do
      %{^name => value} -> value
      _ -> raise KeyError, key: name, term: assigns
    end
  end

  def __safe__(value), do: Phoenix.HTML.Safe.to_iodata(list(value))

  # What blocks give back is iodata already safe; lists of them pass as they are.
  defp list(value) when is_list(value), do: {:safe, Enum.map(value, &flat/1)}
  defp list(value), do: value
  defp flat(value) when is_binary(value), do: value
  defp flat(value) when is_list(value), do: Enum.map(value, &flat/1)
  defp flat(value) when is_integer(value), do: value
  defp flat(value), do: Phoenix.HTML.Safe.to_iodata(value)

  def __attributes__(values), do: for({key, value} <- values, do: Phoenix.HTML.attribute(to_string(key), value))

  def __component__(module, name, fun, attributes, slots) do
    given =
      Enum.reduce(attributes, %{}, fn
        {:__root__, more}, acc -> Map.merge(acc, Map.new(more))
        {key, value}, acc -> Map.put(acc, key, value)
      end)

    slots =
      Enum.flat_map(slots, fn
        {:__many__, list} -> list
        slot -> [slot]
      end)

    given =
      Enum.reduce(slots, given, fn {slot, values, body}, acc ->
        entry = values |> Map.new() |> Map.merge(%{__slot__: slot, inner_block: body})
        Map.update(acc, slot, [entry], &(&1 ++ [entry]))
      end)

    {:safe, data} = fun.(with_defaults(given, module, name))
    data
  end

  defp with_defaults(given, module, name) do
    case Phoenix.exports?(module, :__components__, 0) && module.__components__()[name] do
      %{attrs: attrs, slots: slots} ->
        declared = for {key, _, _} <- attrs, do: key
        defaults = for {key, _, opts} <- attrs, Keyword.has_key?(opts, :default), into: %{}, do: {key, opts[:default]}
        given = Map.merge(Map.new(slots, &{&1, []}), Map.merge(defaults, given))

        case List.keyfind(attrs, :global, 1) do
          nil -> given
          {rest, :global, opts} -> global(given, rest, declared ++ slots, opts)
        end

      _ ->
        Map.put_new(given, :inner_block, [])
    end
    |> Map.put_new(:__changed__, nil)
  end

  defp global(given, rest, declared, opts) do
    {others, own} = Map.split_with(given, fn {key, _} -> key not in [rest, :__changed__ | declared] end)
    Map.put(own, rest, Map.merge(Map.new(given[rest] || opts[:default] || %{}), others))
  end

  defmacro render_slot(slot, argument \\ nil),
    do: quote(do: Phoenix.Component.__render_slot__(unquote(slot), unquote(argument)))

  def __render_slot__(nil, _), do: nil
  def __render_slot__([], _), do: nil
  def __render_slot__(slots, argument) when is_list(slots), do: {:safe, Enum.map(slots, & &1.inner_block.(argument))}
  def __render_slot__(slot, argument), do: {:safe, slot.inner_block.(argument)}

  def assign(target, values) when is_list(values) or is_map(values),
    do: Enum.reduce(values, target, fn {k, v}, acc -> assign(acc, k, v) end)

  def assign(%Phoenix.LiveView.Socket{} = socket, key, value),
    do: %{socket | assigns: Map.put(socket.assigns, key, value)}

  def assign(%{} = assigns, key, value), do: Map.put(assigns, key, value)

  def assign_new(target, key, fun) do
    assigns = if is_struct(target, Phoenix.LiveView.Socket), do: target.assigns, else: target

    cond do
      Map.has_key?(assigns, key) -> target
      is_function(fun, 1) -> assign(target, key, fun.(assigns))
      true -> assign(target, key, fun.())
    end
  end

  def update(target, key, fun) do
    assigns = if is_struct(target, Phoenix.LiveView.Socket), do: target.assigns, else: target
    assign(target, key, fun.(Map.fetch!(assigns, key)))
  end

  def to_form(data, opts \\ [])
  def to_form(%Phoenix.HTML.Form{} = form, opts), do: struct(form, Keyword.take(opts, [:id, :name]))
  def to_form(data, opts), do: Phoenix.HTML.FormData.to_form(data, opts)

  def used_input?(_field), do: true

  # components of the library itself

  def __components__ do
    %{
      link: %{
        attrs: [
          {:rest, :global, []},
          {:navigate, :string, [default: nil]},
          {:patch, :string, [default: nil]},
          {:href, :any, [default: nil]},
          {:method, :string, [default: "get"]},
          {:replace, :boolean, [default: false]}
        ],
        slots: [:inner_block]
      },
      form: %{
        attrs: [
          {:rest, :global, []},
          {:for, :any, [default: nil]},
          {:action, :string, [default: nil]},
          {:as, :any, [default: nil]},
          {:method, :string, [default: nil]},
          {:csrf_token, :any, [default: nil]}
        ],
        slots: [:inner_block]
      },
      live_title: %{
        attrs: [
          {:prefix, :string, [default: nil]},
          {:suffix, :string, [default: nil]},
          {:default, :string, [default: nil]},
          {:rest, :global, []}
        ],
        slots: [:inner_block]
      },
      live_flash: %{attrs: [], slots: []},
      inputs_for: %{attrs: [], slots: [:inner_block]},
      intersperse: %{attrs: [], slots: [:inner_block]},
      dynamic_tag: %{attrs: [{:tag_name, :string, []}, {:rest, :global, []}], slots: [:inner_block]},
      live_component: %{attrs: [], slots: []}
    }
  end

  def link(assigns) do
    href = assigns.navigate || assigns.patch || assigns.href || "#"

    kind =
      cond do
        assigns.navigate -> "redirect"
        assigns.patch -> "patch"
        true -> nil
      end

    state = kind && if(assigns.replace, do: "replace", else: "push")

    method =
      if assigns.method in ["get", nil],
        do: [],
        else: [{"data-method", assigns.method}, {"data-to", href}, {"data-csrf", Plug.CSRFProtection.get_csrf_token()}]

    attributes =
      [{"href", href}, {"data-phx-link", kind}, {"data-phx-link-state", state} | method] ++ Map.to_list(assigns.rest)

    {:safe, ["<a", __attributes__(attributes), ">", __safe__(render_slot(assigns.inner_block)), "</a>"]}
  end

  def form(assigns) do
    form = to_form(assigns.for || %{}, if(assigns.as, do: [as: assigns.as], else: []))
    method = assigns.method || (assigns.action && "post")
    shown = if method in [nil, "get"], do: method, else: "post"

    hidden =
      if method in [nil, "get"] do
        []
      else
        token = if is_binary(assigns.csrf_token), do: assigns.csrf_token, else: Plug.CSRFProtection.get_csrf_token()

        override =
          if method == "post", do: [], else: ["<input type=\"hidden\" name=\"_method\" value=\"", method, "\">"]

        ["<input name=\"_csrf_token\" type=\"hidden\" hidden=\"\" value=\"", token, "\">", override]
      end

    attributes = [{"action", assigns.action}, {"method", shown} | Map.to_list(assigns.rest)]

    {:safe,
     ["<form", __attributes__(attributes), ">", hidden, __safe__(render_slot(assigns.inner_block, form)), "</form>"]}
  end

  def live_title(assigns) do
    inner = __safe__(render_slot(assigns.inner_block))
    inner = if String.trim(IO.iodata_to_binary(inner)) == "", do: __safe__(assigns.default), else: inner
    {:safe, ["<title>", __safe__(assigns.prefix), inner, __safe__(assigns.suffix), "</title>"]}
  end

  def live_flash(flash, key), do: Phoenix.Flash.get(flash, key)
  def intersperse(assigns), do: {:safe, assigns.enum |> Enum.map(&__safe__(render_slot(assigns.inner_block, &1)))}

  def dynamic_tag(assigns),
    do:
      {:safe,
       [
         "<",
         assigns.tag_name,
         __attributes__(assigns.rest),
         ">",
         __safe__(render_slot(assigns.inner_block)),
         "</",
         assigns.tag_name,
         ">"
       ]}

  def live_component(%{module: module} = assigns) do
    socket = %Phoenix.LiveView.Socket{assigns: %{myself: nil, flash: %{}}}
    {:ok, socket} = if Phoenix.exports?(module, :mount, 1), do: module.mount(socket), else: {:ok, socket}

    {:ok, socket} =
      if Phoenix.exports?(module, :update, 2), do: module.update(assigns, socket), else: {:ok, assign(socket, assigns)}

    module.render(Map.put(socket.assigns, :socket, socket))
  end
end

defmodule Phoenix.Component.Declarative do
  @moduledoc false

  defmacro attr(name, type, opts \\ []),
    do: quote(do: @component_pending([{:attr, unquote(name), unquote(type), unquote(opts)} | @component_pending]))

  defmacro slot(name, opts \\ [])

  defmacro slot(name, do: _), do: quote(do: @component_pending([{:slot, unquote(name)} | @component_pending]))
  defmacro slot(name, _opts), do: quote(do: @component_pending([{:slot, unquote(name)} | @component_pending]))
  defmacro slot(name, _opts, do: _), do: quote(do: @component_pending([{:slot, unquote(name)} | @component_pending]))

  def __on_definition__(env, _kind, name, [_], _guards, _body) do
    case Module.get_attribute(env.module, :component_pending) do
      pending when pending in [nil, []] ->
        :ok

      pending ->
        attrs = for {:attr, name, type, opts} <- pending, do: {name, type, opts}
        slots = for {:slot, name} <- pending, do: name
        Module.put_attribute(env.module, :component_defs, {name, %{attrs: attrs, slots: slots}})
        Module.put_attribute(env.module, :component_pending, [])
    end
  end

  def __on_definition__(_, _, _, _, _, _), do: :ok

  defmacro __before_compile__(env) do
    definitions = Module.get_attribute(env.module, :component_defs) |> Map.new()
    quote do: def(__components__, do: unquote(Macro.escape(definitions)))
  end
end
