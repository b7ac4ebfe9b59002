defmodule Xavos.Accounts.Refusal do
  @moduledoc "Words a refusal in one line. The line leaves out the input, which may have been a password."

  @doc "The reasons of an error, such as `password length must be greater than or equal to 8`."
  @spec explain(Exception.t()) :: String.t()
  def explain(error) do
    case error |> reasons() |> Enum.uniq() do
      [] -> "it was refused"
      reasons -> Enum.join(reasons, "; ")
    end
  end

  defp reasons(%{caused_by: %{errors: [_ | _] = errors}}), do: Enum.flat_map(errors, &reasons/1)
  defp reasons(%{errors: [_ | _] = errors}), do: Enum.flat_map(errors, &reasons/1)
  # It is the password that is too short.
  defp reasons(%{field: :password_confirmation}), do: []

  defp reasons(%{field: field, message: message} = error) when is_binary(message),
    do: ["#{field} #{fill_in(message, Map.get(error, :vars) || [])}"]

  defp reasons(_error), do: []

  defp fill_in(message, vars) do
    Enum.reduce(vars, message, fn {name, value}, message ->
      String.replace(message, "%{#{name}}", if(is_binary(value), do: value, else: inspect(value)))
    end)
  end
end
