defmodule Decimal do
  @moduledoc "Rehearsal stand-in: a number as sign, coefficient and exponent."

  defstruct sign: 1, coef: 0, exp: 0

  def new(%__MODULE__{} = number), do: number
  def new(number) when is_integer(number), do: %__MODULE__{sign: sign(number), coef: abs(number)}
  def new(number) when is_float(number), do: number |> Float.to_string() |> new()

  def new(text) when is_binary(text) do
    case parse(text) do
      {number, ""} -> number
      _ -> raise ArgumentError, "not a number: #{inspect(text)}"
    end
  end

  def parse(text) do
    case Regex.run(~r/^([+-]?)(\d+)(?:\.(\d+))?/, text) do
      nil ->
        :error

      [all, sign, whole | fraction] ->
        fraction = List.first(fraction) || ""
        rest = binary_part(text, byte_size(all), byte_size(text) - byte_size(all))
        number = %__MODULE__{coef: String.to_integer(whole <> fraction), exp: -byte_size(fraction)}
        {%{number | sign: if(sign == "-", do: -1, else: 1)}, rest}
    end
  end

  def to_integer(%__MODULE__{} = number), do: number |> to_float() |> trunc()
  def to_float(%__MODULE__{sign: sign, coef: coef, exp: exp}), do: sign * coef * :math.pow(10, exp)

  def to_string(%__MODULE__{sign: sign, coef: coef, exp: exp}) do
    digits = Integer.to_string(coef)
    prefix = if sign < 0, do: "-", else: ""

    if exp >= 0 do
      prefix <> digits <> String.duplicate("0", exp)
    else
      digits = String.pad_leading(digits, 1 - exp, "0")
      {whole, fraction} = String.split_at(digits, exp)
      prefix <> whole <> "." <> fraction
    end
  end

  defp sign(number), do: if(number < 0, do: -1, else: 1)
end

defimpl String.Chars, for: Decimal do
  def to_string(number), do: Decimal.to_string(number)
end

defimpl Inspect, for: Decimal do
  def inspect(number, _), do: "Decimal.new(\"#{Decimal.to_string(number)}\")"
end
