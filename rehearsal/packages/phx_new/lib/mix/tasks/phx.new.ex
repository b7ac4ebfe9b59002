defmodule Mix.Tasks.Phx.New do
  @shortdoc "Creates a new Phoenix application (rehearsal stand-in)"
  @moduledoc @shortdoc
  use Mix.Task

  @version Mix.Project.config()[:version]

  @switches [
    adapter: :string,
    agents_md: :boolean,
    app: :string,
    assets: :boolean,
    binary_id: :boolean,
    dashboard: :boolean,
    database: :string,
    ecto: :boolean,
    esbuild: :boolean,
    gettext: :boolean,
    html: :boolean,
    install: :boolean,
    live: :boolean,
    mailer: :boolean,
    module: :string,
    tailwind: :boolean,
    verbose: :boolean,
    version_check: :boolean,
    web_module: :string
  ]

  @impl true
  def run([flag]) when flag in ~w(-v --version), do: Mix.shell().info("Phoenix installer v#{@version}")

  def run(argv) do
    case OptionParser.parse!(argv, strict: @switches) do
      {_, []} -> Mix.Tasks.Help.run(["phx.new"])
      {opts, [path | _]} -> generate(Path.expand(path), path, opts)
    end
  rescue
    error in OptionParser.ParseError -> Mix.raise(Exception.message(error))
  end

  defp generate(path, given, opts) do
    app = opts[:app] || Path.basename(path)
    module = opts[:module] || Macro.camelize(app)
    check_app!(app)
    check_module!(module)
    check_directory!(path)

    binding = [
      app: app,
      module: module,
      web: module <> "Web",
      version: @version,
      phoenix: "~> #{@version}",
      secret_dev: random(64),
      secret_test: random(64),
      salt: random(8),
      live_salt: random(8),
      namespaced: Macro.camelize(app) != module,
      opts: defaults(opts)
    ]

    PhxNew.generate(path, binding)
    File.mkdir_p!(Path.join(path, "priv/repo/migrations"))
    init_git(path)

    Mix.shell().info("""

    We are almost there! The following steps are missing:

        $ cd #{given}
        $ mix deps.get

    Then configure your database in config/dev.exs and run:

        $ mix ecto.create

    Start your Phoenix app with:

        $ mix phx.server
    """)
  end

  defp defaults(opts) do
    assets = Keyword.get(opts, :assets, true)

    Map.merge(
      %{
        assets: assets,
        esbuild: assets,
        tailwind: assets,
        mailer: true,
        dashboard: true,
        gettext: true,
        binary_id: false
      },
      Map.new(opts)
    )
  end

  defp check_app!(name) do
    unless name =~ ~r/^[a-z][a-z0-9_]*$/ do
      Mix.raise(
        "Application name must start with a letter and have only lowercase letters, numbers and underscore, got: #{inspect(name)}"
      )
    end
  end

  defp check_module!(name) do
    unless name =~ ~r/^[A-Z]\w*(\.[A-Z]\w*)*$/ do
      Mix.raise("Module name must be a valid Elixir alias (for example: Foo.Bar), got: #{inspect(name)}")
    end
  end

  # Without a terminal, the real question ("Are you sure you want to continue?") is answered by end-of-file.
  defp check_directory!(path) do
    if File.dir?(path) and path != File.cwd!() and
         not Mix.shell().yes?("The directory #{path} already exists. Are you sure you want to continue?") do
      Mix.raise("Please select another directory for installation.")
    end
  end

  # As the real one does where there is no repository yet.
  defp init_git(path) do
    git = System.find_executable("git")

    if git &&
         match?({_, code} when code != 0, System.cmd(git, ["rev-parse", "--git-dir"], cd: path, stderr_to_stdout: true)) do
      System.cmd(git, ["init", "--quiet"], cd: path, stderr_to_stdout: true)
    end
  end

  defp random(length),
    do: length |> :crypto.strong_rand_bytes() |> Base.encode64(padding: false) |> binary_part(0, length)
end
