defmodule Xavos.Settings.Variable do
  @moduledoc """
  An environment variable: its name, the kind of its value, and what holds where it is not set.

  `required` is `:always`, `:server` (needed by servers, not by commands such as a migration) or false. Empty counts as
  not set.
  """

  alias Xavos.Settings.Value

  @enforce_keys [:key, :name, :kind, :about]
  defstruct [:key, :name, :kind, :about, default: nil, required: false]

  @type t :: %__MODULE__{
          key: atom,
          name: String.t(),
          kind: Value.kind(),
          about: String.t(),
          default: term,
          required: :always | :server | false
        }

  @doc "A variable, from a row of a table."
  @spec new(atom, String.t(), Value.kind(), String.t(), keyword) :: t
  def new(key, name, kind, about, options \\ []),
    do: struct!(__MODULE__, [key: key, name: name, kind: kind, about: about] ++ options)

  @doc "Its value in an environment, or the sentence that says what is wrong."
  @spec read(t, %{String.t() => String.t()}, boolean) :: {:ok, term} | {:error, String.t()}
  def read(variable, env, serving?) do
    case String.trim(Map.get(env, variable.name, "")) do
      "" -> absent(variable, serving?)
      text -> parsed(variable, Value.parse(variable.kind, text), text)
    end
  end

  defp absent(%{required: :always} = variable, _serving?), do: missing(variable)
  defp absent(%{required: :server} = variable, true), do: missing(variable)
  defp absent(variable, _serving?), do: {:ok, variable.default}

  defp missing(variable),
    do: {:error, "environment variable #{variable.name} is missing: #{variable.about}."}

  defp parsed(_variable, {:ok, value}, _text), do: {:ok, value}

  defp parsed(variable, {:error, problem}, text) do
    shown = if Value.secret?(variable.kind), do: "", else: "=#{text}"
    {:error, "environment variable #{variable.name}#{shown} #{problem}."}
  end
end
