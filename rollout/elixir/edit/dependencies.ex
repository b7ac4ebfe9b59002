defmodule Edit.Dependencies do
  @moduledoc "The dependencies in mix.exs: listed, added, removed."

  alias Edit.{Container, Find, Lists, Source}

  @doc "Adds a dependency, or gives it another requirement and other options."
  def add(source, name, requirement, options) do
    list = Find.project_list(source, :deps)
    code = render_dep(name, requirement, options)
    pair = "#{name}: #{inspect(requirement)}"

    # In `[a: "~> 1.0"]` a tuple can only stand before the pairs.
    case Enum.map(named_deps(list, name), &{&1, Enum.at(list.items, &1)}) do
      [] -> Lists.add_item(source, list, if(pair?(List.last(list.items)), do: {:before, 0}, else: :last), code)
      [{_, item}] when options == [] and tuple_size(item) == 2 -> Lists.put_pair(source, list, name, pair)
      [{index, item}] -> if same_dep?(item, code), do: :unchanged, else: Lists.replace_item(source, list, index, code)
      _ -> Source.fail(source.file, "names #{name} more than once", "leave one of them")
    end
  end

  @doc "Removes a dependency, if it is there."
  def remove(source, name) do
    list = Find.project_list(source, :deps)

    case named_deps(list, name) do
      [] -> :unchanged
      [index] -> Lists.remove_item(source, list, index)
      _ -> Source.fail(source.file, "names #{name} more than once", "leave one of them")
    end
  end

  @doc "{name, source on one line} of each dependency."
  def list(source) do
    list = Find.project_list(source, :deps)

    for {item, {from, to}} <- Enum.zip(list.items, Container.ranges(source, list)), name = dep_name(item) do
      {name, source |> Source.slice(from, to) |> on_one_line()}
    end
  end

  defp on_one_line(code) do
    code |> Code.string_to_quoted!() |> Code.quoted_to_algebra() |> Inspect.Algebra.format(:infinity) |> IO.iodata_to_binary()
  end

  defp render_dep(name, requirement, []), do: "{#{inspect(name)}, #{inspect(requirement)}}"

  defp render_dep(name, requirement, options) do
    "{#{inspect(name)}, #{inspect(requirement)}, #{Enum.map_join(options, ", ", fn {key, value} -> "#{key}: #{inspect(value)}" end)}}"
  end

  defp named_deps(list, name) do
    for {item, index} <- Enum.with_index(list.items), dep_name(item) == name, do: index
  end

  defp pair?(item), do: is_tuple(item) and tuple_size(item) == 2

  defp dep_name({:__block__, _, [{{:__block__, _, [name]}, _}]}) when is_atom(name), do: name
  defp dep_name({:{}, _, [{:__block__, _, [name]} | _]}) when is_atom(name), do: name

  # `[heroicons: "~> 0.5"]`
  defp dep_name({{:__block__, _, [name]}, _}) when is_atom(name), do: name

  defp dep_name(_), do: nil

  # The order of options does not matter.
  defp same_dep?(item, code), do: dep_parts(Source.bare(item)) == dep_parts(Source.bare(Code.string_to_quoted!(code, literal_encoder: &{:ok, {:__block__, &2, [&1]}})))

  defp dep_parts({:__block__, _, [{name, requirement}]}), do: [name, requirement]
  defp dep_parts({name, requirement}), do: [name, requirement]
  defp dep_parts({:{}, _, [name, requirement, options]}) when is_list(options), do: [name, requirement, Enum.sort(options)]
  defp dep_parts({:{}, _, [name, requirement, {:__block__, _, [options]}]}), do: [name, requirement, Enum.sort(options)]
  defp dep_parts(other), do: other
end
