defmodule Mix.Tasks.Igniter.New do
  @shortdoc "Creates a new application with Igniter in it (rehearsal stand-in)"
  @moduledoc @shortdoc
  use Mix.Task

  @igniter ~S({:igniter, "~> 0.6", only: [:dev, :test]})
  @own [:install, :with, :git, :installer_version_check]

  @impl true
  def run(argv) do
    {options, arguments} = parse(argv, {[], []})
    name = List.first(arguments) || stop("Required positional argument missing: project_name.")
    install = for {:install, list} <- options, package <- String.split(list, ",", trim: true), do: package

    if File.exists?(name),
      do: stop("The directory #{name} already exists. You must either remove or move it.")

    generate(Keyword.get(options, :with, "new"), name)
    File.cd!(name)
    add_igniter()
    fetch()
    unless install == [], do: install(install, for({key, words} <- options, key not in @own, do: words))
    if Keyword.get(options, :git, true), do: commit()
    :ok
  end

  # Options of its own, and the words of all others, which are the installers'.
  defp parse([], {options, arguments}), do: {Enum.reverse(options), Enum.reverse(arguments)}

  defp parse(["--no-git" | rest], {options, arguments}), do: parse(rest, {[{:git, false} | options], arguments})

  defp parse(["--no-installer-version-check" | rest], {options, arguments}),
    do: parse(rest, {[{:installer_version_check, false} | options], arguments})

  defp parse(["--" <> option = flag | rest], {options, arguments}) do
    case {String.split(option, "=", parts: 2), rest} do
      {[own, value], _} when own in ~w(install with) -> parse(rest, {[{word(own), value} | options], arguments})
      {[own], [value | rest]} when own in ~w(install with) -> parse(rest, {[{word(own), value} | options], arguments})
      {[_], ["-" <> _ | _]} -> parse(rest, {[{:other, [flag]} | options], arguments})
      {[_], [value | rest]} -> parse(rest, {[{:other, [flag, value]} | options], arguments})
      {_, _} -> parse(rest, {[{:other, [flag]} | options], arguments})
    end
  end

  defp parse([argument | rest], {options, arguments}), do: parse(rest, {options, [argument | arguments]})

  defp word("install"), do: :install
  defp word("with"), do: :with

  # Like the real one, it has phx.new fetch the dependencies, and does not look at how that ended.
  defp generate("phx.new", name), do: Mix.Task.run("phx.new", [name, "--install"])
  defp generate(task, name), do: Mix.Task.run(task, [name])

  defp add_igniter do
    text = File.read!("mix.exs")
    File.write!("mix.exs", String.replace(text, "defp deps do\n    [\n", "defp deps do\n    [\n      #{@igniter},\n"))
  end

  # A tick whatever became of it, as the real one does.
  defp fetch do
    System.cmd("mix", ["deps.get"], stderr_to_stdout: true)
    System.cmd("mix", ["deps.compile"], stderr_to_stdout: true)
    Mix.shell().info("Fetching and compiling dependencies ✔")
  end

  defp install(packages, words) do
    own = ["--yes-to-deps", "--from-igniter-new", "--new-with", "phx-new"]
    arguments = ["igniter.install", Enum.join(packages, ",")] ++ List.flatten(words) ++ own

    case System.cmd("mix", arguments, into: IO.stream(), stderr_to_stdout: true) do
      {_, 0} -> :ok
      {_, code} -> exit({:shutdown, code})
    end
  end

  defp commit do
    with {_, code} when code != 0 <- git(~w(rev-parse --is-inside-work-tree)), do: git(~w(init))
    git(~w(add .))

    case git(["commit", "-m", "initial commit"]) do
      {_, 0} -> Mix.shell().info("Git repository initialized and initial commit created.")
      {said, _} -> Mix.shell().error("Failed to create initial commit: #{said}")
    end
  end

  defp git(arguments), do: System.cmd("git", arguments, stderr_to_stdout: true)

  defp stop(message) do
    Mix.shell().error(message)
    exit({:shutdown, 1})
  end
end
