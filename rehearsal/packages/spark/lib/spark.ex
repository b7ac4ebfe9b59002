defmodule Spark.Dsl do
  @moduledoc """
  Rehearsal stand-in: sections of a module become data.

  An entity is `%{name: name, args: values, body: entities}`. A call in a value, such as `always()`, becomes
  `{:call, :always, []}`, and `expr(code)` becomes `{:expr, code}`.
  """

  @kept [
    :fn,
    :&,
    :%{},
    :{},
    :@,
    :__aliases__,
    :<<>>,
    :|>,
    :..,
    :%,
    :__MODULE__,
    :__block__,
    :++,
    :->,
    :"::",
    :-,
    :+,
    :==
  ]

  @doc "Macros named after the sections, each taking a block, for `import`."
  defmacro defsections(names) do
    quote bind_quoted: [names: names] do
      for name <- names do
        defmacro unquote(name)(do: block) do
          Spark.Dsl.section(unquote(name), block)
        end
      end
    end
  end

  @doc false
  def section(name, block) do
    quote do: Module.put_attribute(__MODULE__, :spark_sections, {unquote(name), unquote(Macro.escape(block))})
  end

  @doc "To be called in `__using__`, before the sections."
  def prepare(module) do
    Module.register_attribute(module, :spark_sections, accumulate: true)
  end

  @doc "The blocks of one section, as written."
  def blocks(module, name) do
    for {^name, block} <- Enum.reverse(Module.get_attribute(module, :spark_sections) || []),
        statement <- statements(block),
        do: statement
  end

  @doc "Definition of `spark_section/1`, which gives the entities of a section."
  def definitions(module) do
    names = module |> Module.get_attribute(:spark_sections) |> List.wrap() |> Keyword.keys() |> Enum.uniq()

    clauses =
      for name <- names do
        quote do: def(spark_section(unquote(name)), do: unquote(Enum.map(blocks(module, name), &entity/1)))
      end

    quote do
      unquote_splicing(clauses)
      def spark_section(_), do: []
    end
  end

  defp statements({:__block__, _, statements}), do: statements
  defp statements(statement), do: [statement]

  defp entity({name, _, args}) when is_atom(name) do
    {args, body} = split(List.wrap(args))
    {:%{}, [], [name: name, args: Enum.map(args, &value/1), body: Enum.map(body, &entity/1)]}
  end

  defp split(args) do
    case List.last(args) do
      [{:do, block}] ->
        {Enum.drop(args, -1), statements(block)}

      [{_, _} | _] = options ->
        if Keyword.keyword?(options) and options[:do],
          do: {Enum.drop(args, -1) ++ [Keyword.delete(options, :do)], statements(options[:do])},
          else: {args, []}

      _ ->
        {args, []}
    end
  end

  defp value({:expr, _, [code]}), do: {:{}, [], [:expr, Macro.escape(code)]} |> then(fn {:{}, _, [a, b]} -> {a, b} end)
  defp value({name, _, context} = variable) when is_atom(name) and is_atom(context), do: variable

  defp value({name, _, args} = code) when is_atom(name) and is_list(args) do
    if name in @kept or String.starts_with?(to_string(name), "sigil_"),
      do: code,
      else: {:{}, [], [:call, name, Enum.map(args, &value/1)]}
  end

  defp value(list) when is_list(list), do: Enum.map(list, &value/1)
  defp value({left, right}), do: {value(left), value(right)}
  defp value(other), do: other

  # reading

  def section_of(module, name),
    do:
      if(Code.ensure_loaded?(module) and function_exported?(module, :spark_section, 1),
        do: module.spark_section(name),
        else: []
      )

  def option(entities, name, default \\ nil) do
    case Enum.find(entities, &(&1.name == name)) do
      %{args: [value | _]} -> value
      %{args: []} -> true
      nil -> default
    end
  end

  def child(entities, name) do
    case Enum.find(entities, &(&1.name == name)) do
      nil -> []
      %{body: body} -> body
    end
  end
end

defmodule Spark.Formatter do
  @moduledoc "Rehearsal stand-in: a formatter that keeps the order of sections."
  @behaviour Mix.Tasks.Format

  @impl true
  def features(_), do: [extensions: [".ex", ".exs"]]

  @impl true
  def format(text, opts),
    do: text |> Code.format_string!(Keyword.drop(opts, [:extension])) |> then(&IO.iodata_to_binary([&1, ?\n]))
end
