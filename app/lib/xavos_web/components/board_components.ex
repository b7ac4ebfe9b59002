defmodule XavosWeb.BoardComponents do
  @moduledoc "Components of the board and of the other pages of the coordination."
  use Phoenix.Component

  @doc "The frame of these pages."
  attr :title, :string, required: true
  attr :connected, :boolean, required: true
  slot :inner_block, required: true

  def board(assigns) do
    ~H"""
    <div class="board">
      <div class="board-head">
        <h1>{@title}</h1>
        <span id="connection" class="board-live quiet" data-connected={to_string(@connected)}>
          {if @connected, do: "live", else: "connecting"}
        </span>
      </div>
      {render_slot(@inner_block)}
    </div>
    """
  end

  @doc "A number and what it counts."
  attr :id, :string, required: true
  attr :label, :string, required: true
  attr :value, :any, required: true
  attr :status, :any, default: nil

  def figure(assigns) do
    ~H"""
    <div class="board-figure" data-status={@status}>
      <dt>{@label}</dt>
      <dd id={@id} style={"--digits: #{digits(@value)}"}>{@value}</dd>
    </div>
    """
  end

  defp digits(value), do: value |> to_string() |> String.length() |> max(1)

  @doc "How much of something is used; `value` of `most`."
  attr :value, :integer, required: true
  attr :most, :integer, required: true
  attr :label, :string, required: true
  attr :wide, :boolean, default: false

  def bar(assigns) do
    ~H"""
    <div
      class="board-bar"
      role="meter"
      aria-label={@label}
      aria-valuemin="0"
      aria-valuemax={@most}
      aria-valuenow={@value}
      data-full={to_string(@most > 0 and @value >= @most)}
      data-wide={@wide}
    >
      <span style={"width: #{percent(@value, @most)}%"}></span>
    </div>
    """
  end

  defp percent(_value, 0), do: 0
  defp percent(value, most), do: min(round(value * 100 / most), 100)

  @doc "A status or a priority."
  attr :status, :atom, default: nil
  attr :priority, :atom, default: nil

  def badge(assigns) do
    ~H"""
    <span class="board-badge" data-status={@status} data-priority={@priority}>{words(
      @status || @priority
    )}</span>
    """
  end

  @doc "`in_progress` as people write it."
  def words(name), do: name |> to_string() |> String.replace("_", " ")

  @doc "A time of day, in UTC."
  attr :at, :any, required: true

  def clock(assigns) do
    ~H"""
    <time datetime={DateTime.to_iso8601(@at)}>{Calendar.strftime(@at, "%H:%M:%S")}</time>
    """
  end

  @doc "Seconds in words: `340 ms`, `12 s`, `5 min`, `2.5 h`."
  def duration(nil), do: "–"
  def duration(seconds) when seconds < 1, do: "#{round(seconds * 1_000)} ms"
  def duration(seconds) when seconds < 120, do: "#{round(seconds)} s"
  def duration(seconds) when seconds < 7_200, do: "#{round(seconds / 60)} min"
  def duration(seconds) when seconds < 172_800, do: "#{Float.round(seconds / 3_600, 1)} h"
  def duration(seconds), do: "#{Float.round(seconds / 86_400, 1)} d"

  @doc "A rate, with as many digits as it needs."
  def rate(number) when number >= 10, do: "#{round(number)}"
  def rate(number), do: "#{Float.round(number / 1, 1)}"
end
