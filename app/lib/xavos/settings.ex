defmodule Xavos.Settings do
  @moduledoc """
  Reads the settings of a server from its environment when it starts. Each group of settings is a module of this
  behaviour: it names its variables and turns their values into configuration.

  All variables are checked before anything starts. Each that is missing or malformed is one sentence on standard error,
  with the variable's name and without its value where that is a secret; then the server ends with exit code 1.
  """

  alias Xavos.Settings.Variable

  @groups [
    Xavos.Settings.Server,
    Xavos.Settings.Database,
    Xavos.Settings.Accounts,
    Xavos.Settings.Jobs,
    Xavos.Settings.Advice
  ]

  @type config :: [{application :: atom, settings :: keyword}]

  @doc "The variables that a group reads in this environment (`:dev` or `:prod`)."
  @callback variables(environment :: atom) :: [Variable.t()]

  @doc "What is wrong with values that are right each by itself, in sentences."
  @callback check(values :: %{atom => term}) :: [String.t()]

  @doc "The configuration that follows from their values."
  @callback config(values :: %{atom => term}) :: config

  @optional_callbacks check: 1

  @doc "The configuration of this moment, for config/runtime.exs. Tests have theirs in files."
  @spec load(environment :: atom) :: config
  def load(:test), do: []

  def load(environment) do
    serving? = System.get_env("RELEASE_COMMAND", "start") not in ["eval", "rpc"]

    case read(System.get_env(), environment, serving?) do
      {:ok, config} -> config
      {:error, sentences} -> refuse(sentences, release?: System.get_env("RELEASE_NAME") != nil)
    end
  end

  @doc """
  The configuration from an environment, or one sentence for each variable that is wrong. A command that serves nothing
  (`serving?` is false) does without the variables that only servers need.
  """
  @spec read(%{String.t() => String.t()}, atom, boolean) ::
          {:ok, config} | {:error, [String.t(), ...]}
  def read(env, environment, serving? \\ true) do
    groups =
      for group <- @groups,
          variables = group.variables(environment),
          variables != [],
          do: {group, values(group, variables, env, serving?)}

    case for {_group, {_values, wrong}} <- groups, sentence <- wrong, do: sentence do
      [] -> {:ok, for({group, {values, []}} <- groups, each <- group.config(values), do: each)}
      sentences -> {:error, Enum.uniq(sentences)}
    end
  end

  @doc "Every variable of production, for tests and documentation."
  @spec variables() :: [Variable.t()]
  def variables, do: Enum.flat_map(@groups, & &1.variables(:prod))

  defp values(group, variables, env, serving?) do
    read = for variable <- variables, do: {variable.key, Variable.read(variable, env, serving?)}
    wrong = for {_key, {:error, sentence}} <- read, do: sentence
    values = for {key, {:ok, value}} <- read, into: %{}, do: {key, value}
    {values, if(wrong == [], do: checked(group, values), else: wrong)}
  end

  defp checked(group, values) do
    if Code.ensure_loaded?(group) and function_exported?(group, :check, 1),
      do: group.check(values),
      else: []
  end

  # A crash of a release would be pages long, and its dump would hold the whole environment.
  defp refuse(sentences, release?: true) do
    for sentence <- sentences, do: IO.puts(:stderr, "XAVOS does not start: " <> sentence)
    System.halt(1)
  end

  defp refuse(sentences, release?: false), do: raise(Enum.join(sentences, "\n"))
end
