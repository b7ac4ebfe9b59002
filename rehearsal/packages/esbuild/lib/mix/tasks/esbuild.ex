defmodule Mix.Tasks.Esbuild do
  @shortdoc "Does nothing, as a stand-in"
  @moduledoc @shortdoc
  use Mix.Task

  @impl true
  def run(_), do: Mix.shell().info("esbuild: rehearsal stand-in, nothing was built")
end

defmodule Mix.Tasks.Esbuild.Install do
  @shortdoc "Does nothing, as a stand-in"
  @moduledoc @shortdoc
  use Mix.Task

  @impl true
  def run(_), do: Mix.shell().info("esbuild: rehearsal stand-in, nothing was installed")
end
