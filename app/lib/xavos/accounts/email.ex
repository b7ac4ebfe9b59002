defmodule Xavos.Accounts.Email do
  @moduledoc "An e-mail address: trimmed, in lower case, with exactly one `@`."
  use Ash.Type.NewType,
    subtype_of: :string,
    constraints: [max_length: 254, match: ~r/\A[^\s@]+@[^\s@]+\z/]

  @impl true
  def cast_input(value, constraints) when is_binary(value),
    do: super(String.downcase(value), constraints)

  def cast_input(value, constraints), do: super(value, constraints)
end
