defmodule XavosWeb.Navigation do
  @moduledoc "The navigation in the header of every page."
  use Phoenix.Component

  @pages [{"/coordination", "Coordination"}, {"/intelligence", "Intelligence"}]

  @doc "Links for whoever may look; nothing for others."
  attr :current_user, :map, default: nil

  def pages(assigns) do
    assigns = assign(assigns, :pages, if(person?(assigns.current_user), do: @pages, else: []))

    ~H"""
    <a :for={{path, title} <- @pages} href={path} class="link">{title}</a>
    """
  end

  @doc "Whether somebody may change anything."
  def operator?(user), do: match?(%{role: :operator}, user)

  defp person?(user), do: match?(%{role: role} when role in [:viewer, :operator], user)
end
