defmodule Xavos.Intelligence.Settings do
  @moduledoc """
  The settings for advice from the environment (`Xavos.Settings.Advice`): model, key and cost limits. The key is never shown.
  """

  @derive {Inspect, except: [:api_key]}
  @enforce_keys [:model, :base_url]
  defstruct [
    :api_key,
    :model,
    :base_url,
    timeout_ms: 60_000,
    retries: 3,
    backoff_ms: 500,
    longest_wait_ms: 30_000,
    max_tokens: 4096,
    items: 50,
    input_price: 3.0,
    output_price: 15.0,
    max_cost: 0.25,
    max_cost_per_day: 2.0,
    apply: :operator
  ]

  @type t :: %__MODULE__{}

  @doc "The settings of this moment, with `overrides` over them."
  @spec read(keyword | map) :: t
  def read(overrides \\ []) do
    settings = struct!(__MODULE__, Application.fetch_env!(:xavos, Xavos.Intelligence))
    settings = struct!(settings, overrides)
    %{settings | api_key: secret(settings.api_key)}
  end

  defp secret({:system, name}), do: secret(System.get_env(name))

  defp secret(text) when is_binary(text),
    do: if(String.trim(text) == "", do: nil, else: String.trim(text))

  defp secret(nil), do: nil

  @doc "What so many tokens cost, in US dollars."
  @spec cost(t, non_neg_integer, non_neg_integer) :: Decimal.t()
  def cost(settings, input_tokens, output_tokens) do
    ((input_tokens * settings.input_price + output_tokens * settings.output_price) / 1_000_000)
    |> Decimal.from_float()
    |> Decimal.round(6, :up)
  end
end
