defmodule PhxNew do
  @moduledoc "Rehearsal stand-in: the templates of a new application, compiled into the archive."

  @root Path.expand("../templates", __DIR__)
  @files @root |> Path.join("**/*.eex") |> Path.wildcard(match_dot: true)

  for file <- @files, do: @external_resource(file)

  # A line that holds nothing but a condition leaves no line behind.
  @templates Map.new(@files, fn file ->
               text = Regex.replace(~r/^(<%=? ?(?:if .* do|else|end) ?%>)\n/m, File.read!(file), "\\1")
               {file |> Path.relative_to(@root) |> String.replace_suffix(".eex", ""), text}
             end)

  def templates, do: @templates

  @doc "What a template's name becomes in the application."
  def target(name, app), do: String.replace(name, "app_name", app)

  @doc "Writes every template that the options ask for below `path` and returns how many."
  def generate(path, binding) do
    opts = binding[:opts]

    for {name, text} <- Enum.sort(@templates), wanted?(name, opts) do
      target = Path.join(path, target(name, binding[:app]))
      Mix.Generator.create_file(target, EEx.eval_string(text, assigns: binding))
    end
    |> length()
  end

  defp wanted?("assets/css" <> _, opts), do: opts[:tailwind]
  defp wanted?("assets/js" <> _, opts), do: opts[:esbuild]
  defp wanted?("priv/static/assets/js" <> _, opts), do: not opts[:esbuild]
  defp wanted?("priv/static/assets/css" <> _, opts), do: not opts[:tailwind]
  defp wanted?("priv/static/assets/default" <> _, opts), do: not opts[:tailwind]
  defp wanted?("lib/app_name/mailer.ex", opts), do: opts[:mailer]
  defp wanted?(_, _), do: true
end
