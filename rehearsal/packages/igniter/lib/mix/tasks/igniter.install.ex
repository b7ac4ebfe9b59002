defmodule Mix.Tasks.Igniter.Install do
  @shortdoc "Installs packages and runs their installers (rehearsal stand-in)"
  @moduledoc """
  #{@shortdoc}

      mix igniter.install ash@3.5 ash_postgres@2.6.1 --yes [--auth-strategy password]

  `NAME@X.Y` becomes `~> X.0` (`~> 0.Y` before 1.0), `NAME@X.Y.Z` becomes `== X.Y.Z`. Without a version the real one asks
  hex.pm's API; a rehearsal has none. mix.exs is written before anything is fetched, and stays written if that fails.
  """
  use Mix.Task

  @ignored ["--from-igniter-new", "--igniter-repeat"]
  @only_in_development [:live_debugger, :mishka_chelekom, :tidewave]

  @impl true
  def run(argv) do
    spin("compile", fn ->
      Mix.Task.run("deps.compile")
      Mix.Task.run("deps.loadpaths")
      Mix.Task.run("compile", ["--no-compile"])
    end)

    {argv, packages} = split(argv -- @ignored)
    if packages == [], do: raise(ArgumentError, "must provide at least one package to install")
    deps = Enum.map(packages, &dependency/1)

    if List.keymember?(deps, :igniter, 0),
      do:
        raise(
          ArgumentError,
          "cannot install the igniter package with `mix igniter.install`. Please use `mix igniter.setup` instead."
        )

    names = Enum.map(deps, &elem(&1, 0))
    fetch(deps, names)
    install(names, argv)
  end

  defp install(names, argv) do
    {there, missing} = names |> Enum.map(&{&1, Mix.Task.get("#{&1}.install")}) |> Enum.split_with(&elem(&1, 1))
    more = Enum.flat_map(there, fn {_, task} -> Map.get(task.info(argv, nil), :adds_deps, []) end)
    if more != [], do: fetch(more, Enum.map(more, &elem(&1, 0)))

    if missing != [] do
      Mix.shell().info("""

      The following installers did not exist or could not be found.
      If you chose not to install dependencies, this will be true for any uninstalled packages.

      #{Enum.map_join(missing, "\n", fn {name, _} -> "*  #{name}.install" end)}
      """)
    end

    there
    |> Enum.reduce(Igniter.new(argv), &run_installer(&1, &2, argv))
    |> Igniter.apply(yes: "--yes" in argv)
  end

  defp run_installer({name, task}, igniter, argv) do
    new = Igniter.Mix.Task.configure_and_run(igniter, task, argv)

    sign =
      cond do
        length(new.issues) > length(igniter.issues) -> "x"
        length(new.warnings) > length(igniter.warnings) -> "!"
        true -> "✔"
      end

    Mix.shell().info("`#{name}.install` #{sign}")
    new
  end

  defp fetch(deps, names) do
    changed = Enum.reduce(deps, Igniter.new(), &Igniter.Project.add_dep(&2, &1))
    if changed.warnings != [], do: failed_to_add(changed.warnings)

    if changed.files != %{} do
      Igniter.write(changed)
      spin("fetching deps", fn -> mix!(["deps.get"]) end)
      spin("compiling #{Enum.join(names, ", ")}", fn -> mix!(["deps.compile"]) end)
      reload()
    end
  end

  defp failed_to_add(warnings) do
    Mix.shell().error("Failed to add dependencies to the `mix.exs` file.\n\n#{Enum.join(warnings, "\n")}")
    exit({:shutdown, 1})
  end

  # The project as mix.exs has it now, and the code of what was fetched, in this very process.
  defp reload do
    Mix.Project.pop()
    conflicts = Code.get_compiler_option(:ignore_module_conflict)
    Code.put_compiler_option(:ignore_module_conflict, true)
    Code.compile_file("mix.exs")
    Code.put_compiler_option(:ignore_module_conflict, conflicts)
    Mix.Task.reenable("deps.loadpaths")
    Mix.Task.run("deps.loadpaths", ["--no-deps-check"])
  end

  defp mix!(args) do
    case System.cmd("mix", args, stderr_to_stdout: true) do
      {_, 0} -> :ok
      {output, code} -> raise "mix #{Enum.join(args, " ")} exited with status: #{code}\n\nOutput:\n\n#{output}"
    end
  end

  defp spin(name, work) do
    work.()
    Mix.shell().info("#{name} ✔")
  rescue
    error ->
      Mix.shell().info("#{name} ✘")
      reraise error, __STACKTRACE__
  end

  # Switches take what follows them, except those that stand alone.
  @switches [yes: :boolean, yes_to_deps: :boolean, verbose: :boolean, dry_run: :boolean, example: :boolean]

  defp split(argv) do
    {_, packages, _} = OptionParser.parse(argv, switches: @switches, allow_nonexistent_atoms: true)
    {argv -- packages, packages |> Enum.flat_map(&String.split(&1, ",", trim: true)) |> Enum.map(&String.trim/1)}
  end

  defp dependency(asked) do
    with [name, version] <- String.split(asked, "@", parts: 2),
         {:ok, requirement} <- requirement(version) do
      name = String.to_atom(name)
      if name in @only_in_development, do: {name, requirement, only: [:dev]}, else: {name, requirement}
    else
      _ ->
        Mix.raise("""
        Failed to automatically determine latest version for `#{asked}`

        Name one, for example:

            mix igniter.install #{asked}@1.0
        """)
    end
  end

  defp requirement(version) do
    case {Version.parse(version), String.split(version, ".")} do
      {{:ok, exact}, _} ->
        {:ok, "== #{exact}"}

      {:error, ["0", minor]} ->
        {:ok, "~> 0.#{minor}"}

      {:error, [major | rest]} when length(rest) < 2 ->
        if Integer.parse(major) == :error, do: :error, else: {:ok, "~> #{major}.0"}

      _ ->
        :error
    end
  end
end
