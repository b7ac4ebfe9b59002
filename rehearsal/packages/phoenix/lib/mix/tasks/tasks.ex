defmodule Mix.Tasks.Phx.Server do
  @shortdoc "Starts applications and their servers"
  @moduledoc @shortdoc
  use Mix.Task

  @impl true
  def run(args) do
    Application.put_env(:phoenix, :serve_endpoints, true, persistent: true)
    Mix.Tasks.Run.run(halting(args))
  end

  defp halting(args), do: if(Code.ensure_loaded?(IEx) and IEx.started?(), do: args, else: ["--no-halt" | args])
end

defmodule Mix.Tasks.Phx.Routes do
  @shortdoc "Prints all routes"
  @moduledoc @shortdoc
  use Mix.Task

  @impl true
  def run(args) do
    Mix.Task.run("compile", args)
    base = Mix.Project.config()[:app] |> to_string() |> Macro.camelize()

    for route <- Module.concat(base <> "Web", Router).__routes__() do
      verb = if route.kind == :forward, do: "*", else: String.upcase(to_string(route.verb))

      Mix.shell().info(
        "  #{String.pad_trailing(verb, 7)} #{String.pad_trailing(route.path, 40)} #{inspect(route.plug)} #{inspect(route.opts)}"
      )
    end
  end
end

defmodule Mix.Tasks.Phx.Gen.Secret do
  @shortdoc "Generates a secret"
  @moduledoc @shortdoc
  use Mix.Task

  @impl true
  def run(args) do
    length = args |> List.first("64") |> String.to_integer()
    Mix.shell().info(length |> :crypto.strong_rand_bytes() |> Base.encode64(padding: false) |> binary_part(0, length))
  end
end

defmodule Mix.Tasks.Phx.Digest do
  @shortdoc "Digests and compresses static files"
  @moduledoc @shortdoc
  use Mix.Task

  @static "priv/static"
  @manifest "cache_manifest.json"
  @compressed ~w(.css .js .html .txt .svg .json)

  # As Phoenix does: files of earlier calls stay, so that the pages of an earlier release find them.
  @impl true
  def run(args) do
    Mix.Task.run("compile", args)
    old = with {:ok, text} <- File.read(Path.join(@static, @manifest)), do: Jason.decode!(text), else: (_ -> %{})
    digested = Map.keys(old["digests"] || %{})

    latest =
      for file <- Path.wildcard(Path.join(@static, "**")), name = Path.relative_to(file, @static), plain?(name, file, digested),
          into: %{},
          do: {name, digest(name, file)}

    digests = for {name, made} <- latest, into: old["digests"] || %{}, do: {made, %{"logical_path" => name}}
    File.mkdir_p!(@static)
    File.write!(Path.join(@static, @manifest), Jason.encode!(%{"version" => 1, "latest" => latest, "digests" => digests}))
    Mix.shell().info("Check your digested files at \"priv/static\"")
  end

  defp plain?(name, file, digested) do
    File.regular?(file) and name != @manifest and name not in digested and not String.ends_with?(name, ".gz")
  end

  defp digest(name, file) do
    content = File.read!(file)
    hash = :md5 |> :crypto.hash(content) |> Base.encode16(case: :lower)
    made = Path.rootname(name) <> "-" <> hash <> Path.extname(name)

    for path <- [name, made] do
      target = Path.join(@static, path)
      if path == made, do: File.write!(target, content)
      if Path.extname(name) in @compressed, do: File.write!(target <> ".gz", :zlib.gzip(content))
    end

    made
  end
end
