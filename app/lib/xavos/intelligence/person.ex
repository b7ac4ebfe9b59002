defmodule Xavos.Intelligence.Person do
  @moduledoc "The name under which a user is stored."

  @doc "An actor's e-mail address; `system` where nobody is signed in."
  def name(%{email: email}), do: to_string(email)
  def name(nil), do: "system"
end
