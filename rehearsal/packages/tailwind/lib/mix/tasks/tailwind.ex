defmodule Mix.Tasks.Tailwind do
  @shortdoc "Does nothing, as a stand-in"
  @moduledoc @shortdoc
  use Mix.Task

  @impl true
  def run(_), do: Mix.shell().info("tailwind: rehearsal stand-in, nothing was built")
end

defmodule Mix.Tasks.Tailwind.Install do
  @shortdoc "Does nothing, as a stand-in"
  @moduledoc @shortdoc
  use Mix.Task

  @impl true
  def run(_), do: Mix.shell().info("tailwind: rehearsal stand-in, nothing was installed")
end
