defmodule Igniter.Project do
  @moduledoc "Rehearsal stand-in: common changes of installers, for formatted files of `mix phx.new`."

  @doc "The application's name, `:xavos`; `module/1` is `Xavos`, `web/1` is `XavosWeb`."
  def app, do: Mix.Project.config()[:app]
  def module(name \\ nil), do: Enum.join([Macro.camelize(to_string(app())) | List.wrap(name)], ".")
  def web(name \\ nil), do: Enum.join([Macro.camelize(to_string(app())) <> "Web" | List.wrap(name)], ".")

  @doc "Where a module's file is: `Xavos.Accounts.User` in lib/xavos/accounts/user.ex."
  def file(module), do: "lib/#{Macro.underscore(module)}.ex"

  @doc "Declares a dependency, in front of the others or in the place of its older declaration."
  def add_dep(igniter, dep) do
    name = elem(dep, 0)
    line = "      " <> (dep |> inspect() |> String.replace(~r/, \[(.+)\]\}$/, ", \\1}"))

    Igniter.edit_file(igniter, "mix.exs", fn text ->
      declared = ~r/^      \{:#{name}, [^\n]*?\}(?=,?$)/m

      cond do
        text =~ declared ->
          Regex.replace(declared, text, fn _ -> line end, global: false)

        text =~ "  defp deps do\n    [\n" ->
          String.replace(text, "  defp deps do\n    [\n", "  defp deps do\n    [\n#{line},\n")

        true ->
          {:warning, "`deps/0` does not end in a list literal that can be added to."}
      end
    end)
  end

  @doc "`import_dep(igniter, :ash)`: the formatter knows the words of a dependency."
  def import_dep(igniter, name), do: add_to_list(igniter, ".formatter.exs", "import_deps", inspect(name))
  def formatter_plugin(igniter, module), do: add_to_list(igniter, ".formatter.exs", "plugins", inspect(module))

  @doc "In front of the list under a key, where it is not in it; the list is on one line."
  def add_to_list(igniter, path, key, item) do
    Igniter.edit_file(igniter, path, fn text ->
      case Regex.run(~r/\b#{key}: \[([^\]]*)\]/, text) do
        nil ->
          {:warning, "there is no list under #{key}."}

        [_, ""] ->
          String.replace(text, "#{key}: []", "#{key}: [#{item}]")

        [whole, items] ->
          if item in String.split(items, ", "),
            do: text,
            else: String.replace(text, whole, "#{key}: [#{item}, #{items}]")
      end
    end)
  end

  @doc "`config APP, KEY: CODE` in config/FILE; what is configured already stays as it is."
  def configure(igniter, file, app, key, code) do
    Igniter.edit_file(igniter, "config/#{file}", fn text ->
      if text =~ ~r/^config :#{app},(?:[^\n]|\n(?!\n))*\b#{Regex.escape(to_string(key))}: /m,
        do: text,
        else: String.replace(text, "import Config\n", "import Config\nconfig :#{app}, #{key}: #{code}\n", global: false)
    end)
  end

  @doc "A child after all others of the application's supervisor."
  def add_child(igniter, code) do
    Igniter.edit_file(igniter, file(module("Application")), fn text ->
      if text =~ code,
        do: text,
        else: Regex.replace(~r/^(\s+)(#{web("Endpoint")})$/m, text, "\\1\\2,\n\\1#{code}")
    end)
  end

  @doc "Code at the end of the block that a line of its own opens: `append(text, \"pipeline :api do\", code)`."
  def append(text, opening, code) do
    case Regex.run(~r/^( *)#{Regex.escape(opening)}\n(.*?)^\1end$/ms, text) do
      nil ->
        {:warning, "there is no `#{opening}`."}

      [block, indent, body] ->
        String.replace(text, block, "#{indent}#{opening}\n#{body}\n#{code}\n#{indent}end", global: false)
    end
  end
end
