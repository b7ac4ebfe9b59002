defmodule Bcrypt do
  @moduledoc "Rehearsal stand-in: PBKDF2 in the output format of bcrypt."

  @letters 22

  def hash_pwd_salt(password, _opts \\ []) do
    salt = 16 |> :crypto.strong_rand_bytes() |> Base.encode64(padding: false) |> binary_part(0, @letters)
    hash(password, salt)
  end

  def verify_pass(password, "$2b$" <> _ = stored) do
    [salt | _] = stored |> String.split("$") |> List.last() |> String.split_at(@letters) |> Tuple.to_list()
    :crypto.hash_equals(hash(password, salt), stored)
  end

  def verify_pass(_, _), do: false

  def no_user_verify(_opts \\ []) do
    hash_pwd_salt("")
    false
  end

  defp hash(password, salt) do
    key = :crypto.pbkdf2_hmac(:sha256, password, salt, 1000, 24)
    "$2b$12$" <> salt <> binary_part(Base.encode64(key, padding: false), 0, 31)
  end
end
