# Resolves sets of requirements with Hex's solver, in one long-running process. It compiles nothing and fetches no
# tarball. Hex's client fetches the registry entries, so HEX_MIRROR, HEX_HOME and Hex's keys have their usual effect.
#
#   mix run --no-mix-exs solve.exs QUESTIONS IDLE_SECONDS
#
# QUESTIONS is a growing file. Each line is a question: the Base64 of a map in Erlang's external term format.
#   %{"id" => n, "ask" => "solve", "requirements" => [[name, requirement], …], "overrides" => [name, …]}
#   %{"id" => n, "ask" => "declared", "folder" => folder}          requirements declared in the folder's mix.exs
# Answers are lines of standard output, in any order. Other lines do not begin with @.
#   @ID ok MICROSECONDS NAME VERSION NAME VERSION …
#   @ID conflict MICROSECONDS BASE64 UNKNOWN …       the solver's explanation; names that the registry does not have
#   @ID declared MICROSECONDS BASE64 BASE64 …        each has four lines: name, requirement, environments, override
#   @ID broken MICROSECONDS BASE64                   the exception
# The process ends when QUESTIONS is removed, after IDLE_SECONDS without a question, or at the line "end". After "end" the
# fetched entries are in Hex's cache, so that later commands do not fetch them again.

defmodule Solve.Registry do
  @moduledoc "A registry for Hex's solver that parses each package only once."

  @behaviour Hex.Solver.Registry
  alias Hex.Registry.Server

  def prefetch(packages), do: packages |> Enum.reject(&known?/1) |> Server.prefetch()

  def versions(repo, package) do
    with :error <- entry(repo, package).versions do
      Process.put(:unknown, [package | Process.get(:unknown, [])])
      :error
    end
  end

  def dependencies(repo, package, version), do: Map.get(entry(repo, package).dependencies, version, :error)

  defp known?({repo, package}), do: :persistent_term.get({__MODULE__, repo, package}, nil) != nil

  # Reading a persistent term does not copy it. Entries are large.
  defp entry(repo, package) do
    key = {__MODULE__, repo, package}

    with nil <- :persistent_term.get(key, nil) do
      entry = read(repo, package)
      :persistent_term.put(key, entry)
      entry
    end
  end

  defp read(repo, package) do
    Server.prefetch([{repo, package}])

    case Server.versions(repo, package) do
      {:ok, versions} ->
        %{versions: {:ok, versions}, dependencies: Map.new(versions, &{&1, Server.dependencies(repo, package, &1)})}

      :error ->
        %{versions: :error, dependencies: %{}}
    end
  end
end

defmodule Solve do
  @moduledoc "Reads questions and answers several concurrently."

  alias Hex.Registry.Server

  @busy_ms 200
  @poll_ms 1
  @idle_poll_ms 20

  def main([questions, idle]) do
    # At the level :debug the solver logs every step.
    Logger.configure(level: :error)
    Hex.start()
    Server.open(check_version: false)
    {:ok, file} = :file.open(questions, [:read, :raw, :binary])
    IO.puts("@0 ready 0")
    follow(%{path: questions, file: file, rest: "", idle: String.to_integer(idle) * 1000, last: now()})
  end

  defp follow(state) do
    case :file.read(state.file, 65_536) do
      {:ok, bytes} ->
        {lines, [rest]} = (state.rest <> bytes) |> String.split("\n") |> Enum.split(-1)
        if answer_all(lines) == :go_on, do: follow(%{state | rest: rest, last: now()}), else: leave_cache()

      :eof ->
        quiet = now() - state.last
        gone? = quiet > @busy_ms and not File.exists?(state.path)
        Process.sleep(if quiet > @busy_ms, do: @idle_poll_ms, else: @poll_ms)
        unless gone? or quiet > state.idle, do: follow(state)
    end
  end

  defp answer_all(lines) do
    {questions, rest} = Enum.split_while(lines, &(&1 != "end"))

    questions
    |> Task.async_stream(&answer/1, ordered: false, timeout: :infinity)
    |> Enum.each(fn {:ok, line} -> IO.puts(line) end)

    if rest == [], do: :go_on, else: :end
  end

  defp leave_cache do
    Server.last_update(:calendar.universal_time())
    Server.close()
  end

  defp answer(line) do
    question = line |> Base.decode64!() |> :erlang.binary_to_term([:safe])
    began = System.monotonic_time(:microsecond)

    {verdict, words} =
      try do
        ask(question)
      catch
        kind, reason -> {"broken", [encoded(Exception.format_banner(kind, reason))]}
      end

    Enum.join(["@#{question["id"]}", verdict, System.monotonic_time(:microsecond) - began | words], " ")
  end

  defp ask(%{"ask" => "solve", "requirements" => requirements, "overrides" => overrides}) do
    Process.put(:unknown, [])

    case Hex.Solver.run(Solve.Registry, Enum.map(requirements, &dependency/1), [], overrides, ansi: false) do
      {:ok, solution} ->
        {"ok", for({name, {version, _repo}} <- Enum.sort(solution), word <- [name, version], do: word)}

      {:error, words} ->
        {"conflict", [encoded(words) | :unknown |> Process.get() |> Enum.uniq() |> Enum.sort()]}
    end
  end

  defp ask(%{"ask" => "declared", "folder" => folder}) do
    declared = Mix.Project.in_project(:declared, folder, fn _ -> Mix.Project.config()[:deps] || [] end)
    {"declared", for(dependency <- declared, words = declared(dependency), do: words |> Enum.join("\n") |> encoded())}
  end

  # The same map that Hex builds from mix.exs. Newer releases of the solver need the key `dependencies`.
  defp dependency([name, requirement]) do
    %{
      repo: nil,
      name: name,
      constraint: Hex.Solver.parse_constraint!(requirement),
      optional: false,
      label: name,
      dependencies: []
    }
  end

  defp declared({app, requirement}) when is_binary(requirement), do: declared({app, requirement, []})
  defp declared({app, options}) when is_list(options), do: declared({app, ">= 0.0.0-0", options})

  defp declared({app, requirement, options}) do
    unless Enum.any?([:git, :github, :path, :in_umbrella], &options[&1]) do
      environments = options[:only] |> List.wrap() |> Enum.join(",")
      [options[:hex] || app, requirement, environments, options[:override] == true]
    end
  end

  defp encoded(text), do: Base.encode64(text)
  defp now, do: System.monotonic_time(:millisecond)
end

Solve.main(System.argv())
