defmodule Mix.Tasks.Xavos.Bridge do
  @shortdoc "Imports and exports the files of Scrum at Scale"

  @moduledoc """
  Imports `work_claims.json` and `agent_status.json` from a folder, or exports them to it.

      $ mix xavos.bridge import DIR
      $ mix xavos.bridge export DIR

  Importing the same files again changes nothing. Entries that are malformed, or that the database refuses, are listed
  with their place and the reason; the others are imported. `--json` prints the report as JSON.

  It exits with 0, with 1 where entries were skipped, and with 2 where nothing could be read or written. What the files
  look like is said by `h Xavos.Bridge.Format`.
  """
  use Mix.Task

  alias Xavos.Bridge
  alias Xavos.Bridge.Report
  alias Xavos.Swarm.Runtime

  @requirements ["app.config"]

  # Whoever may run Mix tasks on this machine may do everything.
  @system [authorize?: false]

  @impl Mix.Task
  def run(arguments) do
    case OptionParser.parse(arguments, strict: [json: :boolean]) do
      {options, ["import", folder], []} -> run(&Bridge.import/2, folder, options, &imported/2)
      {options, ["export", folder], []} -> run(&Bridge.export/2, folder, options, &exported/2)
      _ -> Mix.raise("usage: mix xavos.bridge import|export DIR [--json]")
    end
  end

  defp run(function, folder, options, report) do
    Logger.configure(level: :warning)
    Runtime.start(pool_size: 2)

    case function.(folder, @system) do
      {:ok, outcome} ->
        report.(outcome, options[:json])

      {:error, reason} ->
        Mix.shell().error(reason)
        exit({:shutdown, 2})
    end
  end

  defp imported(report, json?) do
    Mix.shell().info(
      if(json?, do: report |> Map.from_struct() |> Jason.encode!(), else: Report.to_text(report))
    )

    if report.problems != [], do: exit({:shutdown, 1})
  end

  defp exported(counts, true), do: Mix.shell().info(Jason.encode!(counts))

  defp exported(counts, _json?) do
    for {file, count} <- counts, do: Mix.shell().info("#{file}: #{count}")
  end
end
