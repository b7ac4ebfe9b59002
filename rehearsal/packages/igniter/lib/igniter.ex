defmodule Igniter do
  @moduledoc "Rehearsal stand-in: collects changes of an application and writes them together."

  defstruct files: %{}, tasks: [], issues: [], warnings: [], notices: [], args: nil

  @doc "Nothing changed yet; `argv` is what was asked for, `options` its switches."
  def new(argv \\ [], options \\ []), do: %__MODULE__{args: %{argv: argv, options: options}}

  def add_warning(igniter, warning), do: %{igniter | warnings: igniter.warnings ++ [warning]}
  def add_issue(igniter, issue), do: %{igniter | issues: igniter.issues ++ [issue]}

  @doc "A task to run once everything is written."
  def add_task(igniter, name, args \\ []), do: %{igniter | tasks: igniter.tasks ++ [{name, args}]}

  def exists?(igniter, path), do: Map.has_key?(igniter.files, path) or File.regular?(path)

  @doc "A file as it will be; nil where there is none."
  def read(igniter, path) do
    case igniter.files do
      %{^path => text} -> text
      _ -> with {:ok, text} <- File.read(path), do: text, else: (_ -> nil)
    end
  end

  @doc "A new file; one that is there already stays as it is."
  def create_file(igniter, path, text) do
    if exists?(igniter, path), do: igniter, else: put(igniter, path, text)
  end

  @doc "`change` gets the text and gives the new one, or `{:warning, why not}`. A file that is missing is a warning."
  def edit_file(igniter, path, change) do
    with text when text != nil <- read(igniter, path),
         new when is_binary(new) <- change.(text) do
      if new == text, do: igniter, else: put(igniter, path, new)
    else
      nil -> add_warning(igniter, "#{path} does not exist, it was not changed.")
      {:warning, why} -> add_warning(igniter, "#{path}: #{why}")
    end
  end

  defp put(igniter, path, text), do: %{igniter | files: Map.put(igniter.files, path, text)}

  @doc "Writes what was collected, formatted, then runs the tasks. `:issues` where there was one, and nothing is written."
  def apply(igniter, opts \\ [])

  def apply(%{issues: []} = igniter, opts) do
    for warning <- igniter.warnings, do: Mix.shell().info("\nWarning: #{warning}")

    unless opts[:yes] or (igniter.files == %{} and igniter.tasks == []),
      do: Igniter.Util.IO.confirm!("Proceed with changes?")

    write(igniter)
    run(igniter.tasks)
    for notice <- igniter.notices, do: Mix.shell().info("\nNotice: #{notice}")
    :ok
  end

  def apply(igniter, _) do
    for issue <- igniter.issues, do: Mix.shell().error("\nIssue: #{issue}")
    :issues
  end

  @doc "Writes the files that were collected, whatever else there is to do."
  def write(igniter) do
    # The formatter's own settings first: they decide how the others are written.
    for {path, text} <- Enum.sort_by(igniter.files, &(elem(&1, 0) != ".formatter.exs")) do
      File.mkdir_p!(Path.dirname(path))
      File.write!(path, formatted(path, text))
    end

    %{igniter | files: %{}}
  end

  defp formatted(path, text) do
    if Path.extname(path) in ~w(.ex .exs) do
      {format, _} = Mix.Tasks.Format.formatter_for_file(path)
      format.(text)
    else
      text
    end
  end

  defp run([]), do: :ok

  defp run([{name, args} | rest]) do
    line = Enum.join(["mix", name | args], " ")

    case Mix.shell().cmd(line) do
      0 ->
        run(rest)

      code ->
        missed =
          Enum.map_join([{name, args} | rest], "\n", fn {name, args} ->
            "  • " <> Enum.join(["mix", name | args], " ")
          end)

        Mix.shell().error("\nTask failed (exit code #{code}): #{line}\n\nTasks that did not run:\n#{missed}\n")
        raise Mix.Error, message: "#{line} exited with code #{code}"
    end
  end
end

defmodule Igniter.Util.IO do
  @moduledoc false

  def confirm!(question) do
    case Mix.shell().prompt(question <> " [Y/n]") do
      :eof -> raise "No input detected when asking for confirmation, perhaps you meant to use `--yes`?"
      answer -> if String.trim(answer) in ["n", "N", "no", "NO"], do: exit({:shutdown, 1})
    end
  end
end

defmodule Igniter.Mix.Task do
  @moduledoc "Rehearsal stand-in: a task that changes an application through `c:igniter/1`."

  @callback igniter(%Igniter{}) :: %Igniter{}
  @callback info([String.t()], term()) :: map()

  defmacro __using__(_) do
    quote do
      use Mix.Task
      @behaviour Igniter.Mix.Task

      @impl Mix.Task
      def run(argv), do: Igniter.Mix.Task.run_alone(__MODULE__, argv)
      @impl Igniter.Mix.Task
      def info(_argv, _parent), do: %{}
      defoverridable info: 2
    end
  end

  @doc false
  def run_alone(task, argv) do
    Igniter.new() |> configure_and_run(task, argv) |> Igniter.apply(yes: "--yes" in argv)
  end

  @doc "Runs a task on top of what was collected. `args` are its own while it runs."
  def configure_and_run(igniter, task, argv) do
    %{igniter | args: %{argv: argv, options: options(argv)}} |> task.igniter() |> Map.put(:args, igniter.args)
  end

  # `--auth-strategy password,magic_link` or given several times.
  defp options(argv) do
    {options, _, _} = OptionParser.parse(argv, strict: [auth_strategy: :keep, yes: :boolean])
    {strategies, others} = Keyword.pop_values(options, :auth_strategy)
    Keyword.put(others, :auth_strategy, strategies |> Enum.flat_map(&String.split(&1, ",", trim: true)) |> Enum.uniq())
  end
end
