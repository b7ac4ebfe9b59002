defmodule XavosWeb.AsOperator do
  @moduledoc """
  Runs the actions of live pages as the current user. The user is loaded again for each action, because a page may
  stay open after the role has changed.
  """

  import Phoenix.LiveView, only: [put_flash: 3]

  alias Xavos.Accounts
  alias Xavos.ErrorMessages

  @doc "Calls `function` with who is there; on `{:ok, _}` the page says `message`, otherwise why not."
  def act(socket, message, function) do
    with {:ok, user} <- Accounts.get_user(socket.assigns.current_user.id, authorize?: false),
         {:ok, _result} <- function.(user) do
      put_flash(socket, :info, message)
    else
      {:error, error} -> put_flash(socket, :error, why(error))
    end
  end

  @doc "Why something could not be done, for people."
  def why(%Ash.Error.Forbidden{}), do: "Only operators may do that."

  def why(%Ash.Error.Invalid{errors: errors}),
    do: "That could not be done: #{Enum.map_join(errors, "; ", &words/1)}."

  def why(_error), do: "That could not be done at the moment."

  defp words(%AshStateMachine.Errors.NoMatchingTransition{old_state: state}),
    do: "it is #{state} by now"

  defp words(%Ash.Error.Query.NotFound{}), do: "it is not there any more"
  defp words(%Ash.Error.Changes.StaleRecord{}), do: "somebody else was faster"

  defp words(%{message: message, vars: _vars} = error) when is_binary(message),
    do: ErrorMessages.message(error)

  defp words(_error), do: "it is not as it was shown"
end
