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

  @impl true
  def run(_), do: Mix.shell().info("Check your digested files at \"priv/static\"")
end
