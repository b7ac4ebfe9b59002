defmodule Xavos.Intelligence.Person do
  @moduledoc "By what name somebody is remembered."

  @doc "An actor's e-mail address; `system` where nobody is signed in."
  def name(%{email: email}), do: to_string(email)
  def name(nil), do: "system"
end
