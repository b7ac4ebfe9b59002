defmodule XavosWeb.IntelligenceLive do
  @moduledoc "The page of advice: source, suggestions and cost. Operators ask for advice and decide about it."
  use XavosWeb, :live_view

  import XavosWeb.BoardComponents

  alias Xavos.Intelligence
  alias Xavos.Intelligence.{Advice, Settings, Spending}
  alias XavosWeb.{AsOperator, Navigation}

  # How many are shown, and milliseconds between two looks at what other programs have asked for.
  @shown 20
  @look_again 5_000

  @impl true
  def mount(_params, _session, socket) do
    if connected?(socket) do
      Intelligence.subscribe()
      Process.send_after(self(), :look_again, @look_again)
    end

    settings = Settings.read()

    {:ok,
     socket
     |> assign(
       page_title: "Intelligence",
       connected: connected?(socket),
       operator?: Navigation.operator?(socket.assigns.current_user),
       asking: nil,
       model: if(settings.api_key, do: settings.model),
       bound: settings.max_cost_per_day
     )
     |> read()}
  end

  @impl true
  def handle_info(:advices_changed, socket), do: {:noreply, read(socket)}

  def handle_info(:look_again, socket) do
    Process.send_after(self(), :look_again, @look_again)
    {:noreply, read(socket)}
  end

  defp read(socket) do
    case Intelligence.list_advices(actor: socket.assigns.current_user, page: [limit: @shown]) do
      {:ok, %{results: advices}} ->
        assign(socket, advices: advices, spent: Spending.today(), trouble: nil)

      {:error, _error} ->
        away(socket)
    end
  rescue
    # The sum of what was spent, when the database goes in between.
    _error -> away(socket)
  end

  defp away(socket) do
    socket
    |> assign_new(:advices, fn -> [] end)
    |> assign_new(:spent, fn -> Decimal.new(0) end)
    |> assign(trouble: "Advice cannot be read at the moment.")
  end

  @impl true
  def handle_event("ask", %{"kind" => kind}, %{assigns: %{asking: nil}} = socket) do
    case {Enum.find(Advice.kinds(), &(to_string(&1) == kind)), operator(socket)} do
      {nil, _user} -> {:noreply, put_flash(socket, :error, "That was not understood.")}
      {_kind, nil} -> {:noreply, put_flash(socket, :error, "Only operators may do that.")}
      {kind, user} -> {:noreply, ask(socket, kind, user)}
    end
  end

  def handle_event("ask", _params, socket), do: {:noreply, socket}

  def handle_event("apply", %{"id" => id}, socket) do
    {:noreply,
     socket
     |> AsOperator.act("The advice is applied.", &Intelligence.apply_advice(id, actor: &1))
     |> read()}
  end

  def handle_event("dismiss", %{"id" => id}, socket) do
    {:noreply,
     socket
     |> AsOperator.act("The advice is dismissed.", fn user ->
       with {:ok, advice} <- Intelligence.get_advice(id, actor: user),
            do: Intelligence.dismiss_advice(advice, actor: user)
     end)
     |> read()}
  end

  def handle_event(_event, _params, socket),
    do: {:noreply, put_flash(socket, :error, "That was not understood.")}

  # Claude may take a while; the page goes on meanwhile. Whoever leaves the page does not take the question back: it may
  # have been paid for, and what it cost has to be written down.
  defp ask(socket, kind, user) do
    socket
    |> assign(asking: kind)
    |> start_async(:ask, fn ->
      Xavos.TaskSupervisor
      |> Task.Supervisor.async_nolink(fn -> Intelligence.request_advice(kind, actor: user) end)
      |> Task.await(:infinity)
    end)
  end

  defp operator(socket) do
    case Xavos.Accounts.get_user(socket.assigns.current_user.id, authorize?: false) do
      {:ok, %{role: :operator} = user} -> user
      _ -> nil
    end
  end

  @impl true
  def handle_async(:ask, {:ok, {:ok, _advice}}, socket),
    do: {:noreply, socket |> assign(asking: nil) |> read()}

  def handle_async(:ask, {:ok, {:error, error}}, socket),
    do: {:noreply, socket |> assign(asking: nil) |> put_flash(:error, AsOperator.why(error))}

  def handle_async(:ask, {:exit, _reason}, socket),
    do:
      {:noreply,
       socket |> assign(asking: nil) |> put_flash(:error, "That could not be done at the moment.")}

  @impl true
  def render(assigns) do
    ~H"""
    <Layouts.app flash={@flash} current_user={@current_user}>
      <.board title="Intelligence" connected={@connected}>
        <p :if={@trouble} id="trouble" role="alert" class="board-note">{@trouble}</p>
        <section class="board-card" aria-labelledby="ask-title">
          <h2 id="ask-title">Advice</h2>
          <p id="adviser">
            <%= if @model do %>
              Claude advises (<code>{@model}</code>).
            <% else %>
              No key is configured: a heuristic advises, by rules.
            <% end %>
            <span class="quiet">Today's cost: ${money(@spent)} of ${money(@bound)}.</span>
          </p>
          <div :if={@operator?} class="board-actions">
            <button
              :for={kind <- Advice.kinds()}
              type="button"
              data-main
              phx-click="ask"
              phx-value-kind={kind}
              disabled={@asking != nil}
            >
              {question(kind)}
            </button>
            <span id="asking" aria-live="polite" class="quiet">{if @asking, do: "Asking…"}</span>
          </div>
        </section>
        <p :if={@advices == [] and @trouble == nil} id="no-advice" class="quiet">
          No advice has been given yet.
        </p>
        <.advice :for={advice <- @advices} :key={advice.id} advice={advice} operator?={@operator?} />
      </.board>
    </Layouts.app>
    """
  end

  attr :advice, :map, required: true
  attr :operator?, :boolean, required: true

  defp advice(assigns) do
    ~H"""
    <article
      class="board-card"
      id={"advice-#{@advice.id}"}
      data-status={@advice.status}
      data-source={@advice.source}
    >
      <div class="board-head">
        <h2>{title(@advice.kind)} <.badge status={@advice.status} /></h2>
        <span class="quiet">
          {Calendar.strftime(@advice.inserted_at, "%Y-%m-%d %H:%M")} UTC, by {source(@advice)}, for {@advice.requested_by}
        </span>
      </div>
      <p>{@advice.summary}</p>
      <p :if={@advice.trouble} class="board-note">Claude was asked in vain: {@advice.trouble}.</p>
      <div
        :if={@advice.suggestions != []}
        class="board-scroll"
        tabindex="0"
        role="region"
        aria-label="suggestions"
      >
        <table class="advice">
          <caption class="sr">Suggestions</caption>
          <thead>
            <tr>
              <th scope="col">Item</th>
              <th scope="col">{if @advice.kind == :priority, do: "Priority", else: "Agent"}</th>
              <th scope="col">Why</th>
              <th :if={@advice.status == :applied} scope="col">Outcome</th>
            </tr>
          </thead>
          <tbody>
            <tr :for={suggestion <- @advice.suggestions}>
              <th scope="row">{suggestion.work_item_id}</th>
              <td>{what(suggestion)}</td>
              <td class="why">{suggestion.reason}</td>
              <td :if={@advice.status == :applied}>
                <.badge status={suggestion.outcome} /> <span class="quiet">{suggestion.note}</span>
              </td>
            </tr>
          </tbody>
        </table>
      </div>
      <details
        :if={@advice.refused != []}
        id={"refused-#{@advice.id}"}
        phx-mounted={JS.ignore_attributes(["open"])}
      >
        <summary>{length(@advice.refused)} refused</summary>
        <ul>
          <li :for={reason <- @advice.refused} class="quiet">{reason}</li>
        </ul>
      </details>
      <p :if={@advice.source == :claude or Decimal.gt?(@advice.cost, 0)} class="quiet">
        {@advice.input_tokens} tokens sent, {@advice.output_tokens} received: ${@advice.cost}
      </p>
      <p :if={@advice.decided_by} class="quiet">
        {words(@advice.status)} by {@advice.decided_by}, {Calendar.strftime(
          @advice.decided_at,
          "%H:%M:%S"
        )} UTC
      </p>
      <div :if={@operator? and @advice.status == :proposed} class="board-actions">
        <button
          :if={@advice.suggestions != []}
          type="button"
          data-main
          phx-click="apply"
          phx-value-id={@advice.id}
          phx-disable-with="Applying…"
        >
          Apply
        </button>
        <button type="button" phx-click="dismiss" phx-value-id={@advice.id}>Dismiss</button>
      </div>
    </article>
    """
  end

  defp question(:priority), do: "What matters most?"
  defp question(:assignment), do: "Who should do what?"

  defp title(:priority), do: "Priorities"
  defp title(:assignment), do: "Assignments"

  defp source(%{source: :claude, model: model}), do: "Claude (#{model})"
  defp source(%{source: :heuristic}), do: "the heuristic"

  defp what(%{priority: nil, agent_id: agent_id}), do: agent_id
  defp what(%{from: from, priority: priority}), do: "#{from} → #{priority}"

  defp money(%Decimal{} = dollars),
    do: dollars |> Decimal.round(2, :up) |> Decimal.to_string(:normal)

  defp money(dollars), do: :erlang.float_to_binary(dollars / 1, decimals: 2)
end
