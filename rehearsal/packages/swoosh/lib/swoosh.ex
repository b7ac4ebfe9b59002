defmodule Swoosh.Email do
  @moduledoc "Rehearsal stand-in: an email as a struct."

  defstruct [:from, :subject, :html_body, :text_body, to: []]

  def new(fields \\ []), do: struct(__MODULE__, fields)
  def to(email, to), do: %{email | to: email.to ++ List.wrap(to)}
  def from(email, from), do: %{email | from: from}
  def subject(email, subject), do: %{email | subject: subject}
  def html_body(email, body), do: %{email | html_body: body}
  def text_body(email, body), do: %{email | text_body: body}
end

defmodule Swoosh.Mailer do
  @moduledoc "Rehearsal stand-in: delivers an email to the sending process."

  defmacro __using__(_opts) do
    quote do
      def deliver(email, _config \\ []) do
        send(self(), {:email, email})
        {:ok, %{}}
      end
    end
  end
end

defmodule Plug.Swoosh.MailboxPreview do
  @moduledoc false
  @behaviour Plug

  @impl true
  def init(opts), do: opts
  @impl true
  def call(conn, _),
    do:
      Plug.Conn.send_resp(
        Plug.Conn.put_resp_content_type(conn, "text/html"),
        200,
        "<!DOCTYPE html><title>Mailbox</title>"
      )
end
