defmodule Mix.Tasks.Xavos.Work do
  @shortdoc "Lists work, or adds some"

  @moduledoc """
  Lists unfinished work in the order in which it is done, or adds work. It uses the configured database.

      $ mix xavos.work
      $ mix xavos.work --limit 200
      $ mix xavos.work add XAV-12 "Paint the fence" --priority high --type chore --team garden --waits-for XAV-10,XAV-11

  A line is: name, status, priority, who holds it, description.
  """
  use Mix.Task

  alias Xavos.Coordination
  alias Xavos.Coordination.{Statuses, WorkItem}
  alias Xavos.ErrorMessages
  alias Xavos.Swarm.Runtime

  require Ash.Query

  # Who can run this can write to the database as well.
  @system [authorize?: false]

  @options [priority: :string, type: :string, team: :string, waits_for: :string, limit: :integer]
  @open Statuses.open()

  @requirements ["app.config"]

  @impl Mix.Task
  def run(arguments) do
    case OptionParser.parse(arguments, strict: @options) do
      {options, words, []} ->
        command(words, Map.new(options))

      {_options, _words, [{option, _value} | _]} ->
        Mix.raise("#{option} is not understood; see mix help xavos.work")
    end
  end

  defp command([], options), do: command(["list"], options)

  defp command(["list"], options) do
    start()
    list(options[:limit] || 50)
  end

  defp command(["add", name, description], options) do
    start()
    add(name, description, options)
  end

  defp command(_words, _options),
    do: Mix.raise("say what to add: mix xavos.work add NAME DESCRIPTION")

  defp start do
    Logger.configure(level: :warning)
    Runtime.start()
  end

  defp list(limit) when limit in 1..10_000 do
    open = Ash.Query.filter(WorkItem, status in ^@open)

    items =
      open
      |> Ash.Query.sort(rank: :asc, id: :asc)
      |> Ash.Query.limit(limit)
      |> Ash.Query.load(:agent)
      |> Ash.read!(@system)

    for item <- items, do: Mix.shell().info(line(item))
    more = Ash.count!(open, @system) - length(items)

    cond do
      items == [] -> Mix.shell().info("There is no work to do.")
      more > 0 -> Mix.shell().info("and #{more} more")
      true -> :ok
    end
  end

  defp list(_limit), do: Mix.raise("--limit is from 1 to 10000")

  defp line(item) do
    [
      item.work_item_id,
      item.status,
      item.priority,
      (item.agent && item.agent.agent_id) || "-",
      item.description
    ]
    |> Enum.join("\t")
    |> String.replace("\n", " ")
  end

  defp add(name, description, options) do
    options
    |> Map.take([:priority, :type])
    |> Map.merge(%{
      work_item_id: name,
      description: description,
      team_id: team_id(options[:team]),
      depends_on: String.split(options[:waits_for] || "", ",", trim: true)
    })
    |> Coordination.add_work_item(@system)
    |> case do
      {:ok, item} -> Mix.shell().info("#{item.work_item_id} is added.")
      {:error, error} -> Mix.raise("#{name} was not added: #{words(error)}")
    end
  end

  defp team_id(nil), do: nil

  defp team_id(name) do
    case Coordination.get_team_by_name(name, [not_found_error?: false] ++ @system) do
      {:ok, %{id: id}} -> id
      {:ok, nil} -> Mix.raise("There is no team #{name}.")
      {:error, error} -> Mix.raise(words(error))
    end
  end

  defp words(error), do: ErrorMessages.join(error, &ErrorMessages.with_field/1)
end
