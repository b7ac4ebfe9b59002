defmodule Xavos.Bridge do
  @moduledoc """
  Imports and exports the files of Scrum at Scale, `work_claims.json` and `agent_status.json`. `Xavos.Bridge.Format`
  describes their content.

      Xavos.Bridge.import("/path/to/folder")
      Xavos.Bridge.export("/path/to/folder")

  ## Import

  Entries are known by their ids: what is there already becomes what the file says of it, what an entry does not name
  stays as it is, and a file that is imported again changes nothing. Each entry is a transaction of its own; one that cannot be understood, or that the database refuses,
  is skipped and reported with its place and the reason. So are those that would

    * open again what XAVOS knows to be completed or cancelled: the file is older;
    * give an agent more than it has room for.

  A team, or an agent of a claim, that there is not yet is made. Dependencies are added, never taken away. Workloads are
  counted, whatever the file says.

  ## Export

  Everything, by id, with which the import makes the same again. Each file is written beside its old self and put in its
  place when it is complete, so that nobody ever reads half of it.
  """

  alias Xavos.Bridge.{Format, Report, Store}
  alias Xavos.Coordination

  require Ash.Query

  @doc """
  Imports the files of a folder. A file that is missing is left out; without either there is nothing to import.

  Options are those of Ash: `:actor`, `:authorize?`.
  """
  @spec import(Path.t(), keyword) :: {:ok, Report.t()} | {:error, String.t()}
  def import(folder, options \\ []) do
    with {:ok, texts} <- read(folder) do
      {agents, agent_problems} = parse(texts, :agent_status)
      {claims, claim_problems} = parse(texts, :work_claims)

      report =
        %Report{files: Enum.sort(Map.keys(texts)), problems: agent_problems ++ claim_problems}
        |> each(agents, :agents, &Store.put_agent(&1, options))
        |> each(claims, :work_items, &Store.put_work_item(&1, options))
        |> each(dependencies(claims), :dependencies, &Store.put_dependency(&1, options))

      {:ok, %{report | problems: Enum.sort_by(report.problems, & &1.file)}}
    end
  end

  @doc """
  Exports to a folder, which is made where it is missing. Options as for `import/2`.

  Gives the number of entries of each file.
  """
  @spec export(Path.t(), keyword) ::
          {:ok, %{String.t() => non_neg_integer}} | {:error, String.t()}
  def export(folder, options \\ []) do
    # Work first: whoever holds it has been there before.
    with {:ok, items} <- Coordination.list_work_items(all(options, [:team, :agent, :depends_on])),
         {:ok, agents} <- Coordination.list_agents(all(options, [:team])),
         :ok <- make(folder),
         :ok <- write(folder, :work_claims, Enum.map(items, &Store.work_claim/1)),
         :ok <- write(folder, :agent_status, Enum.map(agents, &Store.agent_status/1)) do
      {:ok,
       %{
         Format.file(:work_claims) => length(items),
         Format.file(:agent_status) => length(agents)
       }}
    else
      {:error, reason} when is_binary(reason) -> {:error, reason}
      {:error, error} -> {:error, Exception.message(error)}
    end
  end

  # --- import ---

  # The folder is the one that whoever runs the command has named.
  # sobelow_skip ["Traversal.FileModule"]
  defp read(folder) do
    texts =
      for kind <- [:agent_status, :work_claims],
          path = Path.join(folder, Format.file(kind)),
          {result, text} = File.read(path),
          {result, text} != {:error, :enoent},
          into: %{},
          do: {Format.file(kind), {result, text}}

    case Enum.find(texts, &match?({_file, {:error, _reason}}, &1)) do
      {file, {:error, reason}} ->
        {:error, "#{Path.join(folder, file)}: #{:file.format_error(reason)}"}

      nil when texts == %{} ->
        {:error,
         "#{folder} has neither #{Format.file(:work_claims)} nor #{Format.file(:agent_status)}"}

      nil ->
        {:ok, Map.new(texts, fn {file, {:ok, text}} -> {file, text} end)}
    end
  end

  defp parse(texts, kind) do
    case texts[Format.file(kind)] do
      nil -> {[], []}
      text -> Format.read(kind, text)
    end
  end

  defp each(report, entries, what, put) do
    Enum.reduce(entries, report, fn entry, report ->
      case put.(entry) do
        {:error, reason} -> Report.skipped(report, what, entry, reason)
        {:error, field, reason} -> Report.skipped(report, what, at(entry, field), reason)
        outcome -> Report.count(report, what, outcome)
      end
    end)
  end

  defp at(entry, field), do: %{entry | place: "#{entry.place}.#{field}"}

  defp dependencies(claims) do
    for %{depends_on: names, id: id, place: place} <- claims, name <- names do
      %{id: id, depends_on: name, place: place <> ".depends_on"}
    end
  end

  # --- export ---

  defp all(options, load), do: Keyword.merge(options, load: load, page: false)

  # The folder is the one that whoever runs the command has named.
  # sobelow_skip ["Traversal.FileModule"]
  defp make(folder) do
    with {:error, reason} <- File.mkdir_p(folder),
         do: {:error, "#{folder}: #{:file.format_error(reason)}"}
  end

  # The folder is the one that whoever runs the command has named.
  # sobelow_skip ["Traversal.FileModule"]
  defp write(folder, kind, entries) do
    path = Path.join(folder, Format.file(kind))
    part = "#{path}.#{System.pid()}-#{System.unique_integer([:positive])}.part"

    with :ok <- write_to_disk(part, Format.write(entries)),
         :ok <- File.rename(part, path) do
      :ok
    else
      {:error, reason} ->
        File.rm(part)
        {:error, "#{path}: #{:file.format_error(reason)}"}
    end
  end

  # On the disk before it takes the other's place: a power cut leaves the old or the new, not nothing.
  defp write_to_disk(path, data) do
    with {:ok, file} <- :file.open(path, [:write, :raw, :binary, :exclusive]) do
      written = with :ok <- :file.write(file, data), do: :file.sync(file)
      closed = :file.close(file)
      if written == :ok, do: closed, else: written
    end
  end
end
