defmodule Xavos.Settings.Value do
  @moduledoc "Parses the text of an environment variable by its kind."

  @type kind ::
          :text
          | :boolean
          | :host
          | :address
          | :networks
          | :origins
          | :database_url
          | {:secret, least :: pos_integer}
          | {:integer, Range.t()}
          | {:integer_from, integer}
          | {:float_from, number}
          | {:one_of, [String.t()]}

  @doc "The value, or what is wrong with the text: the end of a sentence that begins with the variable's name."
  @spec parse(kind, String.t()) :: {:ok, term} | {:error, String.t()}
  def parse(:text, text), do: {:ok, text}
  def parse(:boolean, text) when text in ~w(1 true yes), do: {:ok, true}
  def parse(:boolean, text) when text in ~w(0 false no), do: {:ok, false}
  def parse(:boolean, _text), do: {:error, "is neither true nor false"}

  def parse({:integer, first..last//_ = range}, text) do
    case Integer.parse(text) do
      {value, ""} -> if value in range, do: {:ok, value}, else: not_within(first, last)
      _ -> not_within(first, last)
    end
  end

  def parse({:integer_from, least}, text), do: number(Integer.parse(text), least)
  def parse({:float_from, least}, text), do: number(Float.parse(text), least)

  def parse({:one_of, words}, text) do
    if text in words, do: {:ok, text}, else: {:error, "is none of #{Enum.join(words, ", ")}"}
  end

  def parse({:secret, least}, text) do
    if byte_size(text) >= least,
      do: {:ok, text},
      else: {:error, "has #{byte_size(text)} characters, it needs at least #{least}"}
  end

  def parse(:host, text) do
    if text =~ ~r/\A[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?\z/,
      do: {:ok, text},
      else: {:error, "is not a host name such as xavos.example.org, without scheme and port"}
  end

  def parse(:address, text) do
    case address(text) do
      {:ok, address} -> {:ok, address}
      :error -> {:error, "is not an IP address"}
    end
  end

  def parse(:networks, text) do
    networks = for part <- words(text), do: network(part)

    if Enum.member?(networks, :error),
      do: {:error, "is not a list of IP addresses and networks such as 10.0.0.0/8"},
      else: {:ok, networks}
  end

  def parse(:origins, text) do
    origins = words(text)

    if Enum.all?(origins, &origin?/1),
      do: {:ok, origins},
      else: {:error, "is not a list of origins such as https://xavos.example.org"}
  end

  def parse(:database_url, text) do
    with {:ok, %URI{scheme: scheme, host: host, path: "/" <> database} = uri} <- URI.new(text),
         true <- scheme in ~w(ecto postgres postgresql) and host not in [nil, ""],
         true <- database != "" and not String.contains?(database, "/"),
         true <- uri.port in [nil | Enum.to_list(1..65_535)] do
      {:ok, text}
    else
      _ -> {:error, "is not of the form ecto://USER:PASSWORD@HOST:PORT/DATABASE"}
    end
  end

  @doc "Whether values of this kind are never shown."
  @spec secret?(kind) :: boolean
  def secret?({:secret, _least}), do: true
  def secret?(kind), do: kind == :database_url

  defp not_within(first, last), do: {:error, "is not a number from #{first} to #{last}"}

  defp number({value, ""}, least) when value >= least, do: {:ok, value}
  defp number(_other, least), do: {:error, "is not a number from #{least} on"}

  defp words(text), do: String.split(text, [",", " "], trim: true)

  defp address(text), do: with({:error, _} <- :inet.parse_address(to_charlist(text)), do: :error)

  defp network(text) do
    with [base | length] <- String.split(text, "/", parts: 2),
         {:ok, address} <- address(base),
         {:ok, length} <- prefix(length, if(tuple_size(address) == 4, do: 32, else: 128)) do
      {address, length}
    else
      _ -> :error
    end
  end

  defp prefix([], most), do: {:ok, most}

  defp prefix([text], most) do
    case Integer.parse(text) do
      {length, ""} when length in 0..most//1 -> {:ok, length}
      _ -> :error
    end
  end

  defp origin?(text) do
    case URI.new(text) do
      {:ok, %URI{scheme: scheme, host: host, path: nil}} ->
        scheme in ~w(http https) and host not in [nil, ""]

      _ ->
        false
    end
  end
end
