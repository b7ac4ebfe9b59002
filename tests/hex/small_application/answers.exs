# Prints one answer of the application in each line: "= NAME TERM". An exception is the answer {:raised, module}.

import Plug.Conn
import Plug.Test

defmodule Answers do
  def print(name, fun) do
    answer =
      try do
        fun.()
      rescue
        error -> raised(error)
      end

    IO.puts("= #{name} " <> inspect(answer, limit: :infinity, printable_limit: :infinity, width: :infinity))
  end

  # Plug wraps exceptions of a pipeline.
  defp raised(%{reason: error}) when is_exception(error), do: raised(error)
  defp raised(error), do: {:raised, error.__struct__, Plug.Exception.status(error)}

  def request(method, path, body \\ nil, headers \\ []) do
    parsers = Plug.Parsers.init(parsers: [:urlencoded, :json], pass: ["*/*"], json_decoder: Jason)
    conn = Enum.reduce(headers, conn(method, path, body), fn {key, value}, conn -> put_req_header(conn, key, value) end)
    conn = conn |> Plug.Parsers.call(parsers) |> Small.Router.call(Small.Router.init([]))

    {conn.status, List.first(get_resp_header(conn, "content-type")), List.first(get_resp_header(conn, "location")),
     conn.resp_body}
  end

  def note(params) do
    changeset = Ash.Changeset.for_create(Small.Note, :write, params)
    attributes = Map.take(changeset.attributes, [:title, :body, :rank, :done, :due, :colour, :tags, :secret])
    {attributes |> Map.delete(:done) |> Enum.sort(), changeset.arguments |> Enum.sort()}
  end

  def errors(params) do
    {:error, error} = Ash.create(Small.Note, params, action: :write)

    {error.__struct__,
     error.errors |> Enum.map(&{&1.__struct__, to_string(Map.get(&1, :field) || Map.get(&1, :input))}) |> Enum.sort()}
  end
end

for {name, term} <- [
      atoms: [nil, true, :word],
      numbers: [0, -1, 1.5, 1.0e20],
      text: "a\"\\\n\t</é€\u2028",
      map: %{"b" => 1},
      date: ~D[2026-01-31],
      time: ~U[2026-01-31 10:20:30.123456Z]
    ] do
  Answers.print("jason.encode.#{name}", fn -> Jason.encode!(term) end)
end

for {name, text} <- [
      nested: ~s({"a": [1, 2.5, {"b": null}], "c": "\\u00e9\\n"}),
      open: "[1, 2",
      empty: "",
      trailing: "1 2",
      comma: "[1,]"
    ] do
  Answers.print("jason.decode.#{name}", fn -> Jason.decode!(text) end)
end

Answers.print("jason.pretty", fn -> Jason.encode!(%{"a" => [1, %{"b" => 2}], "c" => []}, pretty: true) end)
Answers.print("jason.atoms", fn -> Jason.decode!(~s({"name": 1}), keys: :atoms) end)

for text <- ["1", "-1.50", "0.001", "+7", "12345678901234567890.1"] do
  Answers.print("decimal.#{text}", fn -> text |> Decimal.new() |> Decimal.to_string() end)
end

Answers.print("decimal.integer", fn -> Decimal.to_integer(Decimal.new("12")) end)
Answers.print("decimal.float", fn -> Decimal.to_float(Decimal.new("-2.5")) end)
Answers.print("decimal.parse", fn -> Decimal.parse("1.5kg") end)
Answers.print("decimal.inspect", fn -> inspect(Decimal.new("1.50")) end)

Answers.print("html.escape", fn ->
  ~s(<a b="c">&'</a>) |> Phoenix.HTML.html_escape() |> Phoenix.HTML.Safe.to_iodata() |> IO.iodata_to_binary()
end)

Answers.print("mime", fn -> Enum.map(["json", "html", "unknown"], &MIME.type/1) end)

for {name, assigns} <- [none: [items: []], two: [items: ["a", "<b>"]]] do
  Answers.print("component.#{name}", fn ->
    assigns
    |> Map.new()
    |> Map.put(:__changed__, nil)
    |> Small.Components.page()
    |> Phoenix.HTML.Safe.to_iodata()
    |> IO.iodata_to_binary()
    |> String.split()
    |> Enum.join(" ")
  end)
end

Answers.print("get.html", fn -> Answers.request(:get, "/notes/a%20b") end)
Answers.print("get.json", fn -> Answers.request(:get, "/api/notes/7", nil, [{"accept", "application/json"}]) end)
Answers.print("get.any", fn -> Answers.request(:get, "/api/notes/7", nil, [{"accept", "*/*"}]) end)
Answers.print("get.unacceptable", fn -> Answers.request(:get, "/api/notes/7", nil, [{"accept", "image/png"}]) end)
Answers.print("get.missing", fn -> Answers.request(:get, "/nowhere") end)
Answers.print("get.redirect", fn -> Answers.request(:get, "/away") end)
Answers.print("get.text", fn -> Answers.request(:get, "/plain") end)
Answers.print("get.halted", fn -> Answers.request(:get, "/closed/notes/1") end)
Answers.print("delete", fn -> Answers.request(:delete, "/notes/1") end)
Answers.print("other_method", fn -> Answers.request(:put, "/notes/1") end)
json = [{"content-type", "application/json"}]
form = [{"content-type", "application/x-www-form-urlencoded"}]
Answers.print("post.json", fn -> Answers.request(:post, "/api/echo/x?q=1", ~s({"a": {"b": [1]}}), json) end)
Answers.print("post.form", fn -> Answers.request(:post, "/api/echo/x", "a[b]=1&a[c][]=2&a[c][]=3&d=+%26", form) end)
Answers.print("post.broken", fn -> Answers.request(:post, "/api/echo/x", "{", json) end)
Answers.print("status", fn -> Enum.map([:ok, :not_found, :unprocessable_entity, 418], &Plug.Conn.Status.code/1) end)

Answers.print("cookies", fn ->
  conn = conn(:get, "/") |> put_req_header("cookie", "a=1; b=2") |> fetch_cookies()
  sent = conn |> put_resp_cookie("c", "3", http_only: true, max_age: 60) |> send_resp(200, "")

  {conn.cookies, Map.keys(sent.resp_cookies),
   get_resp_header(sent, "set-cookie") |> Enum.map(&hd(String.split(&1, ";")))}
end)

Answers.print("uuid.cast", fn -> Enum.map(["0190A5C0-1111-4222-8333-444455556666", "no", nil], &Ecto.UUID.cast/1) end)

Answers.print("uuid.generate", fn ->
  Ecto.UUID.generate() =~ ~r/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
end)

good = %{title: "  Title ", reason: "why"}

for {name, params} <- [
      trimmed: good,
      strings: %{"title" => "x", "rank" => "3", "due" => "2026-01-31", "colour" => "red", "reason" => "r"},
      atoms: Map.merge(good, %{colour: :green, tags: ["a", " b "], rank: 5}),
      blank: Map.merge(good, %{body: "", title: " "}),
      untrimmed: Map.put(good, :body, " b ")
    ] do
  Answers.print("ash.cast.#{name}", fn -> Answers.note(params) end)
end

for {name, params} <- [
      missing: %{},
      long: %{good | title: "01234567890"},
      range: Map.put(good, :rank, 9),
      type: Map.put(good, :rank, "many"),
      enumeration: Map.put(good, :colour, "blue"),
      date: Map.put(good, :due, "31.1.2026"),
      unknown: Map.put(good, :nothing, 1),
      private: Map.put(good, :secret, "mine"),
      two: Map.merge(good, %{rank: 0, due: "x"})
    ] do
  Answers.print("ash.errors.#{name}", fn -> Answers.errors(params) end)
end

Answers.print("ash.info", fn ->
  {Enum.sort(Enum.map(Ash.Resource.Info.attributes(Small.Note), & &1.name)), Ash.Resource.Info.primary_key(Small.Note),
   Enum.sort(Enum.map(Ash.Resource.Info.actions(Small.Note), &{&1.name, &1.type})),
   Ash.Domain.Info.resources(Small.Notes)}
end)
