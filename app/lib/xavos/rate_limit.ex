defmodule Xavos.RateLimit do
  @moduledoc "Limits attempts per minute. The limits come from the environment (`Xavos.Settings.Accounts`)."
  use Hammer, backend: :ets

  @minute :timer.minutes(1)
  @client {__MODULE__, :client}

  @doc "Counts a try to sign in as `address`; `{:error, seconds}` until there may be another."
  @spec sign_in(String.t(), :password | :magic_link | :register) :: :ok | {:error, pos_integer}
  def sign_in(address, way),
    do: count("#{way}:#{address |> String.trim() |> String.downcase()}", limit(:per_address))

  @doc """
  Counts a try as `sign_in/2` does, and for the machine that it comes from, where this process acts for one (`from/1`).
  """
  @spec attempt(String.t(), :password | :magic_link | :register) :: :ok | {:error, pos_integer}
  def attempt(address, way) do
    with :ok <- of_client(Process.get(@client)), do: sign_in(address, way)
  end

  defp of_client(nil), do: :ok
  defp of_client(ip), do: request(ip)

  @doc """
  Whatever this process tries comes from that machine: it is that of a live page, whose forms are no requests.
  """
  @spec from(:inet.ip_address()) :: :ok
  def from(ip) do
    Process.put(@client, ip)
    :ok
  end

  @doc "Counts a request to sign in from somewhere."
  @spec request(:inet.ip_address()) :: :ok | {:error, pos_integer}
  def request(ip), do: count("request:#{:inet.ntoa(ip)}", limit(:per_client))

  @doc "Counts a key that let nobody in. Programs that show one do not keep people from signing in."
  @spec key(:inet.ip_address()) :: :ok | {:error, pos_integer}
  def key(ip), do: count("key:#{:inet.ntoa(ip)}", limit(:per_client))

  defp count(key, limit) do
    case hit(key, @minute, limit) do
      {:allow, _count} -> :ok
      {:deny, milliseconds} -> {:error, max(1, ceil(milliseconds / 1_000))}
    end
  end

  defp limit(what), do: :xavos |> Application.fetch_env!(__MODULE__) |> Keyword.fetch!(what)
end
