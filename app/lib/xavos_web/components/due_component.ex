defmodule XavosWeb.DueComponent do
  @moduledoc "When a work item is wanted, on the board."
  use Phoenix.Component

  @doc "The time in UTC, with the date; nothing for an item that nobody waits for."
  attr :item, :map, required: true

  def due(assigns) do
    ~H"""
    <p :if={@item.due_at} class="quiet board-due">
      due
      <time datetime={DateTime.to_iso8601(@item.due_at)}>{Calendar.strftime(
        @item.due_at,
        "%Y-%m-%d %H:%M"
      )}</time>
    </p>
    """
  end
end
