defmodule XavosWeb.CoordinationLive do
  @moduledoc """
  The board: amounts of work, agents, teams and recent events, updated live. Operators can add, release, cancel and
  prioritise work.

  Whatever happens, it is read and drawn again at most twice a second, and less often where reading takes long.
  """
  use XavosWeb, :live_view

  import XavosWeb.BoardComponents

  alias AshPhoenix.Form
  alias Xavos.{Board, Coordination}
  alias Xavos.Coordination.WorkItem
  alias XavosWeb.{AsOperator, Navigation}

  require Logger

  # Milliseconds: between two readings; how many times its own cost a reading waits for the next one; without any event;
  # while the database is away.
  @interval 500
  @share 4
  @idle 10_000
  @away 2_000

  @events 30

  @impl true
  def mount(_params, _session, socket) do
    if connected?(socket) do
      Coordination.Events.subscribe()
      Process.send_after(self(), :tick, @idle)
    end

    {:ok,
     socket
     |> assign(
       page_title: "Coordination",
       connected: connected?(socket),
       operator?: Navigation.operator?(socket.assigns.current_user),
       board: nil,
       trouble: nil,
       known: MapSet.new(),
       timer: nil,
       read_at: 0,
       cost: 0,
       spoken: nil,
       waits_for: ""
     )
     |> stream(:events, [])
     |> empty_form()
     |> read()
     |> speak()}
  end

  # --- live ---

  @impl true
  def handle_info({:coordination_events, _events}, socket), do: {:noreply, schedule(socket)}
  def handle_info(:coordination_changed, socket), do: {:noreply, schedule(socket)}
  def handle_info(:refresh, socket), do: {:noreply, socket |> assign(timer: nil) |> read()}

  def handle_info(:tick, socket) do
    Process.send_after(self(), :tick, @idle)
    {:noreply, socket |> schedule() |> speak()}
  end

  defp schedule(%{assigns: %{timer: nil}} = socket) do
    interval =
      if socket.assigns.trouble, do: @away, else: max(@interval, @share * socket.assigns.cost)

    wait = max(socket.assigns.read_at + interval - now(), 0)
    assign(socket, timer: Process.send_after(self(), :refresh, wait))
  end

  defp schedule(socket), do: socket

  # Roles change while the page is open.
  defp follow_role(socket) do
    operator? = Navigation.operator?(socket.assigns.current_user)

    if operator? == socket.assigns.operator?,
      do: socket,
      else: socket |> assign(operator?: operator?) |> empty_form()
  end

  defp read(socket) do
    start = now()
    socket = follow_role(socket)
    board = Board.read!(socket.assigns.current_user)

    socket
    |> tell(board.events)
    |> assign(board: board, trouble: nil, read_at: now(), cost: now() - start)
  rescue
    error ->
      Logger.warning(
        "The board cannot be read: #{error |> Exception.message() |> String.slice(0, 200)}"
      )

      socket = assign(socket, trouble: "The board cannot be read at the moment.", read_at: now())
      if connected?(socket), do: schedule(socket), else: socket
  end

  # Only what is new goes to the browser.
  defp tell(socket, events) do
    known = socket.assigns.known

    events
    |> Enum.reject(&(&1.id in known))
    |> Enum.reverse()
    |> Enum.reduce(socket, &stream_insert(&2, :events, &1, at: 0, limit: @events))
    |> assign(known: MapSet.new(events, & &1.id))
  end

  # What a screen reader says; twice a second would be too often.
  defp speak(%{assigns: %{board: nil}} = socket), do: socket

  defp speak(%{assigns: %{board: %{scrum: %{total: total}}}} = socket) do
    assign(socket,
      spoken:
        "#{total.pending} waiting, #{total.claimed + total.in_progress} being worked on, " <>
          "#{total.blocked} blocked, #{total.agents} agents"
    )
  end

  defp now, do: System.monotonic_time(:millisecond)

  # --- what operators do ---

  @impl true
  def handle_event("validate", %{"item" => params}, socket) do
    with_form(socket, fn form ->
      assign(socket,
        form: form |> Form.validate(prepared(params)) |> to_form(),
        waits_for: waits_for(params)
      )
    end)
  end

  def handle_event("add", %{"item" => params}, socket) do
    with_form(socket, fn form ->
      case Form.submit(form, params: prepared(params)) do
        {:ok, item} ->
          socket
          |> put_flash(:info, "#{item.work_item_id} is added.")
          |> empty_form()
          |> schedule()

        {:error, form} ->
          socket |> assign(form: to_form(form), waits_for: waits_for(params)) |> excuse(form)
      end
    end)
  end

  def handle_event("release", %{"id" => id}, socket) do
    {:noreply,
     change(
       socket,
       id,
       "Released: it waits for somebody else.",
       &Coordination.release_work_item(&1, actor: &2)
     )}
  end

  def handle_event("cancel", %{"id" => id}, socket) do
    {:noreply, change(socket, id, "Cancelled.", &Coordination.cancel_work_item(&1, actor: &2))}
  end

  def handle_event("prioritise", %{"item_id" => id, "priority" => priority}, socket) do
    {:noreply,
     change(socket, id, "Its priority is #{priority} now.", fn item, user ->
       Coordination.update_work_item(item, %{priority: priority}, actor: user)
     end)}
  end

  # What no page of ours sends.
  def handle_event(_event, _params, socket),
    do: {:noreply, put_flash(socket, :error, "That was not understood.")}

  defp change(socket, id, message, function) do
    socket
    |> AsOperator.act(message, fn user ->
      with {:ok, item} <- Coordination.get_work_item(id, actor: user), do: function.(item, user)
    end)
    |> schedule()
  end

  defp with_form(socket, function) do
    case Xavos.Accounts.get_user(socket.assigns.current_user.id, authorize?: false) do
      {:ok, %{role: :operator} = user} -> {:noreply, function.(new_form(user))}
      _ -> {:noreply, put_flash(socket, :error, "Only operators may do that.")}
    end
  end

  defp new_form(user),
    do: Form.for_create(WorkItem, :add, domain: Coordination, actor: user, as: "item")

  defp empty_form(%{assigns: %{operator?: true}} = socket),
    do:
      assign(socket, form: socket.assigns.current_user |> new_form() |> to_form(), waits_for: "")

  defp empty_form(socket), do: assign(socket, form: nil)

  # Errors of fields stand beside these; whatever else is wrong is said above.
  defp excuse(socket, form) do
    case for {:depends_on, text} <- Form.errors(form), do: text do
      [] -> socket
      texts -> put_flash(socket, :error, "It was not added: #{Enum.join(texts, "; ")}.")
    end
  end

  defp prepared(params) do
    params
    |> Map.take(~w(work_item_id type description priority team_id))
    |> Map.put("depends_on", params |> waits_for() |> String.split([",", " "], trim: true))
  end

  defp waits_for(%{"waits_for" => text}) when is_binary(text), do: text
  defp waits_for(_params), do: ""

  # --- how it looks ---

  @impl true
  def render(assigns) do
    ~H"""
    <Layouts.app flash={@flash} current_user={@current_user}>
      <.board title="Coordination" connected={@connected}>
        <p class="sr" aria-live="polite" id="spoken">{@spoken}</p>
        <p :if={@trouble} id="trouble" role="alert" class="board-note">
          {@trouble}
          <span :if={@board}>What is shown is from {Calendar.strftime(@board.scrum.until, "%H:%M:%S")} UTC.</span>
        </p>
        <%= if @board do %>
          <.figures total={@board.scrum.total} />
          <details
            :if={@operator?}
            id="add"
            class="board-card"
            phx-mounted={JS.ignore_attributes(["open"])}
          >
            <summary>Add work</summary>
            <.add form={@form} teams={@board.teams} waits_for={@waits_for} />
          </details>
          <section aria-labelledby="work-title">
            <h2 id="work-title">Work</h2>
            <div class="board-columns" tabindex="0" role="region" aria-labelledby="work-title">
              <.column
                :for={column <- @board.columns}
                :key={column.name}
                column={column}
                operator?={@operator?}
              />
            </div>
          </section>
          <div class="board-split">
            <.agents agents={@board.agents} total={@board.scrum.total} />
            <section class="board-card" aria-labelledby="events-title">
              <h2 id="events-title">What has happened</h2>
              <ol id="events" class="board-events" phx-update="stream">
                <li :for={{dom_id, event} <- @streams.events} id={dom_id}>
                  <.clock at={event.occurred_at} />
                  <span><b>{event.subject_id}</b> {deed(event)}
                  <span class="quiet">{event.actor}</span></span>
                </li>
              </ol>
            </section>
          </div>
          <.teams scrum={@board.scrum} teams={@board.teams} />
        <% end %>
      </.board>
    </Layouts.app>
    """
  end

  attr :total, :map, required: true

  defp figures(assigns) do
    ~H"""
    <section aria-labelledby="figures-title">
      <h2 id="figures-title" class="sr">In figures</h2>
      <dl class="board-figures">
        <.figure
          :for={status <- WorkItem.statuses()}
          id={"count-#{status}"}
          label={words(status)}
          value={@total[status]}
          status={status}
        />
        <.figure id="count-agents" label="agents" value={@total.agents} />
        <.figure id="per-hour" label="done per hour" value={rate(@total.per_hour)} />
        <.figure id="cycle-time" label="cycle time" value={duration(@total.cycle_time_median)} />
      </dl>
    </section>
    """
  end

  attr :form, :map, required: true
  attr :teams, :list, required: true
  attr :waits_for, :string, required: true

  defp add(assigns) do
    ~H"""
    <.form for={@form} id="add-form" phx-change="validate" phx-submit="add" class="board-form">
      <.entry field={@form[:work_item_id]} label="Name" placeholder="XAV-12" required />
      <.entry field={@form[:type]} label="Type" />
      <label>
        Priority
        <select name="item[priority]" id="item_priority">
          {Phoenix.HTML.Form.options_for_select(
            Enum.reverse(WorkItem.priorities()),
            @form[:priority].value || :medium
          )}
        </select>
      </label>
      <label>
        Team
        <select name="item[team_id]" id="item_team_id">
          <option value="">anybody</option>
          {Phoenix.HTML.Form.options_for_select(
            Enum.map(@teams, &{&1.title || &1.name, &1.id}),
            @form[:team_id].value
          )}
        </select>
      </label>
      <label>
        Waits for
        <input
          type="text"
          name="item[waits_for]"
          value={@waits_for}
          placeholder="XAV-10, XAV-11"
          autocomplete="off"
        />
      </label>
      <div class="wide">
        <.entry field={@form[:description]} label="What is to be done" required />
      </div>
      <div><button type="submit" data-main phx-disable-with="Adding…">Add</button></div>
    </.form>
    """
  end

  attr :field, Phoenix.HTML.FormField, required: true
  attr :label, :string, required: true
  attr :rest, :global, include: ~w(placeholder required)

  defp entry(assigns) do
    assigns =
      assign(assigns, :errors, if(used_input?(assigns.field), do: assigns.field.errors, else: []))

    ~H"""
    <label>
      {@label}
      <input
        type="text"
        name={@field.name}
        id={@field.id}
        value={@field.value}
        autocomplete="off"
        aria-invalid={@errors != [] && "true"}
        {@rest}
      />
      <span :for={error <- @errors} class="error">{translate_error(error)}</span>
    </label>
    """
  end

  attr :column, :map, required: true
  attr :operator?, :boolean, required: true

  defp column(assigns) do
    ~H"""
    <section
      class="board-card"
      id={"column-#{@column.name}"}
      aria-labelledby={"title-#{@column.name}"}
    >
      <h3 id={"title-#{@column.name}"}>{@column.title} <span class="quiet">{@column.count}</span></h3>
      <p :if={@column.items == []} class="quiet">nothing</p>
      <ul class="board-items">
        <li
          :for={item <- @column.items}
          :key={item.id}
          id={"item-#{item.work_item_id}"}
          class="board-item"
          data-priority={item.priority}
          data-status={item.status}
        >
          <div>
            <b>{item.work_item_id}</b>
            <.badge :if={@column.name == :pending} priority={item.priority} />
            <.badge :if={@column.name != :pending} status={item.status} />
          </div>
          <p>{item.description}</p>
          <p class="quiet">
            {item.type}<span :if={item.team}>, {item.team.title || item.team.name}</span><span :if={
              item.agent
            }>, {item.agent.agent_id}</span>
          </p>
          <p :if={item.reason} class="quiet">{item.reason}</p>
          <XavosWeb.DueComponent.due item={item} />
          <.bar
            :if={item.status == :in_progress}
            value={item.progress}
            most={100}
            label={"progress of #{item.work_item_id}"}
          />
          <.actions :if={@operator? and @column.name != :finished} item={item} />
        </li>
      </ul>
      <p :if={@column.count > length(@column.items) and @column.items != []} class="quiet">
        and {@column.count - length(@column.items)} more
      </p>
    </section>
    """
  end

  attr :item, :map, required: true

  defp actions(assigns) do
    ~H"""
    <div class="board-actions">
      <form
        :if={@item.status == :pending}
        id={"prioritise-#{@item.work_item_id}"}
        phx-change="prioritise"
      >
        <input type="hidden" name="item_id" value={@item.id} />
        <select name="priority" aria-label={"priority of #{@item.work_item_id}"}>
          {Phoenix.HTML.Form.options_for_select(Enum.reverse(WorkItem.priorities()), @item.priority)}
        </select>
      </form>
      <button
        :if={@item.status != :pending}
        type="button"
        phx-click="release"
        phx-value-id={@item.id}
        aria-label={"release #{@item.work_item_id}"}
      >
        Release
      </button>
      <button
        type="button"
        phx-click="cancel"
        phx-value-id={@item.id}
        data-confirm={"Cancel #{@item.work_item_id}?"}
        aria-label={"cancel #{@item.work_item_id}"}
      >
        Cancel
      </button>
    </div>
    """
  end

  attr :agents, :list, required: true
  attr :total, :map, required: true

  defp agents(assigns) do
    ~H"""
    <section class="board-card" aria-labelledby="agents-title">
      <h2 id="agents-title">
        Agents
        <span class="quiet">{@total.agents}, holding {@total.workload} of {@total.capacity}</span>
      </h2>
      <p :if={@agents == []} id="no-agents" class="quiet">No agent is there.</p>
      <ul class="board-agents" id="agents" tabindex="0" aria-labelledby="agents-title">
        <li :for={agent <- @agents} :key={agent.id} id={"agent-#{agent.agent_id}"}>
          <code title={agent.name}>{agent.agent_id}</code>
          <.badge status={agent.status} />
          <.bar
            value={agent.workload}
            most={agent.capacity}
            label={"#{agent.agent_id} holds #{agent.workload} of #{agent.capacity}"}
          />
        </li>
      </ul>
      <p :if={@total.agents > length(@agents)} class="quiet">
        and {@total.agents - length(@agents)} more
      </p>
    </section>
    """
  end

  attr :scrum, :map, required: true
  attr :teams, :list, required: true

  defp teams(assigns) do
    ~H"""
    <section class="board-card" aria-labelledby="teams-title">
      <h2 id="teams-title">Teams</h2>
      <div class="board-scroll" tabindex="0" role="region" aria-labelledby="teams-title">
        <table id="teams">
          <caption>
            Teams and scrums of scrums, each with all below it. Cycle times are of work finished since {Calendar.strftime(
              @scrum.since,
              "%Y-%m-%d %H:%M"
            )} UTC, rates of the time in which it was done.
          </caption>
          <thead>
            <tr>
              <th scope="col">Team</th>
              <th scope="col">Critical</th>
              <th scope="col">High</th>
              <th scope="col">Waiting</th>
              <th scope="col">Ready</th>
              <th scope="col">Worked on</th>
              <th scope="col">Blocked</th>
              <th scope="col">Done</th>
              <th scope="col">Per hour</th>
              <th scope="col">Cycle time</th>
              <th scope="col">85 of 100</th>
              <th scope="col">Load</th>
            </tr>
          </thead>
          <tbody>
            <.team
              :for={team <- @teams}
              :key={team.id}
              id={"team-#{team.name}"}
              name={team.title || team.name}
              depth={team.depth}
              figures={team.figures}
            />
            <.team id="nobodys" name="for anybody" figures={@scrum.nobodys} />
            <.team id="total" name="all" figures={@scrum.total} />
          </tbody>
        </table>
      </div>
    </section>
    """
  end

  attr :id, :string, required: true
  attr :name, :string, required: true
  attr :depth, :integer, default: 0
  attr :figures, :map, required: true

  defp team(assigns) do
    ~H"""
    <tr id={@id}>
      <th scope="row" style={"padding-left: #{0.6 + @depth * 1.2}rem"}>{@name}</th>
      <td data-trouble={to_string(@figures.waiting.critical > 0)}>{@figures.waiting.critical}</td>
      <td>{@figures.waiting.high}</td>
      <td>{@figures.pending}</td>
      <td>{@figures.ready}</td>
      <td>{@figures.claimed + @figures.in_progress}</td>
      <td data-trouble={to_string(@figures.blocked > 0)}>{@figures.blocked}</td>
      <td>{@figures.finished}</td>
      <td>{rate(@figures.per_hour)}</td>
      <td>{duration(@figures.cycle_time_median)}</td>
      <td>{duration(@figures.cycle_time_p85)}</td>
      <td>{@figures.workload}/{@figures.capacity}</td>
    </tr>
    """
  end

  defp deed(%{kind: kind}), do: kind |> String.split(".") |> List.last() |> words()
end
