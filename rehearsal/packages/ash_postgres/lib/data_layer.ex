defmodule AshPostgres.Repo do
  @moduledoc "Rehearsal stand-in: Ecto's repository with the settings that Ash needs."

  @callback installed_extensions() :: [String.t()]
  @callback min_pg_version() :: Version.t()
  @callback prefer_transaction?() :: boolean()

  defmacro __using__(opts) do
    quote do
      use Ecto.Repo, adapter: Ecto.Adapters.Postgres, otp_app: unquote(opts[:otp_app])
      @behaviour AshPostgres.Repo

      @impl AshPostgres.Repo
      def installed_extensions, do: []
      @impl AshPostgres.Repo
      def min_pg_version, do: %Version{major: 14, minor: 0, patch: 0}
      @impl AshPostgres.Repo
      def prefer_transaction?, do: true
      defoverridable installed_extensions: 0, min_pg_version: 0, prefer_transaction?: 0
    end
  end
end

defmodule AshPostgres.DataLayer.Sections do
  @moduledoc false
  require Spark.Dsl
  Spark.Dsl.defsections([:postgres])
end

defmodule AshPostgres.DataLayer.Info do
  @moduledoc false
  def table(resource), do: resource |> Spark.Dsl.section_of(:postgres) |> Spark.Dsl.option(:table)
  def repo(resource), do: resource |> Spark.Dsl.section_of(:postgres) |> Spark.Dsl.option(:repo)
end

defmodule AshPostgres.DataLayer do
  @moduledoc "Rehearsal stand-in: a data layer that stores records in tables."

  alias Ash.Error.Changes.InvalidAttribute
  alias Ash.Resource.Info
  alias AshPostgres.DataLayer.Info, as: Place

  def run_query(query) do
    resource = query.resource
    {where, params} = where(resource, query.filter)

    order =
      if query.sort == [],
        do: "",
        else:
          " ORDER BY " <>
            Enum.map_join(query.sort, ", ", fn {key, way} ->
              "#{quoted(key)} #{way |> to_string() |> String.upcase()}"
            end)

    limit = if query.limit, do: " LIMIT #{query.limit}", else: ""
    offset = if query.offset, do: " OFFSET #{query.offset}", else: ""

    with {:ok, result} <-
           ask(
             resource,
             "SELECT #{columns(resource)} FROM #{quoted(Place.table(resource))}#{where}#{order}#{limit}#{offset}",
             params
           ) do
      {:ok, Enum.map(result.rows, &record(resource, &1))}
    end
  end

  def create(%{resource: resource, attributes: values} = changeset) do
    names = for %{name: name} <- Info.attributes(resource), Map.has_key?(values, name), do: name
    marks = Enum.map_join(1..length(names), ", ", &"$#{&1}")
    conflict = conflict(changeset)

    sql =
      "INSERT INTO #{quoted(Place.table(resource))} (#{Enum.map_join(names, ", ", &quoted/1)}) VALUES (#{marks})#{conflict} RETURNING #{columns(resource)}"

    with {:ok, %{rows: [row]}} <- ask(resource, sql, dumped(resource, names, values)), do: {:ok, record(resource, row)}
  end

  def update(%{resource: resource, attributes: values, data: data}) do
    names = Map.keys(values)
    {where, key} = where(resource, key_of(resource, data), length(names))
    set = names |> Enum.with_index(1) |> Enum.map_join(", ", fn {name, at} -> "#{quoted(name)} = $#{at}" end)
    sql = "UPDATE #{quoted(Place.table(resource))} SET #{set}#{where} RETURNING #{columns(resource)}"

    case ask(resource, sql, dumped(resource, names, values) ++ key) do
      {:ok, %{rows: [row]}} -> {:ok, record(resource, row)}
      {:ok, _} -> {:error, %Ash.Error.Query.NotFound{resource: resource}}
      error -> error
    end
  end

  def destroy(%{resource: resource, data: data}) do
    {where, params} = where(resource, key_of(resource, data))
    with {:ok, _} <- ask(resource, "DELETE FROM #{quoted(Place.table(resource))}#{where}", params), do: :ok
  end

  def codegen(args), do: Mix.Task.run("ash_postgres.generate_migrations", args)

  def setup(args) do
    Mix.Task.run("ash_postgres.create", quiet(args))
    Mix.Task.run("ash_postgres.migrate", quiet(args))
  end

  def migrate(args), do: Mix.Task.run("ash_postgres.migrate", quiet(args))
  def rollback(args), do: Mix.Task.run("ash_postgres.rollback", args)
  def tear_down(args), do: Mix.Task.run("ash_postgres.drop", quiet(args))

  defp quiet(args), do: Enum.filter(args, &(&1 in ["--quiet", "--force"]))

  defp ask(resource, sql, params) do
    case Place.repo(resource).query(sql, params) do
      {:ok, result} ->
        {:ok, result}

      {:error, %Postgrex.Error{postgres: %{code: :unique_violation, constraint: name}}} ->
        {:error, taken(resource, name)}

      {:error, error} ->
        {:error, error}
    end
  end

  defp taken(resource, constraint) do
    field =
      Enum.find_value(Info.identities(resource), hd(Info.primary_key(resource)), fn identity ->
        "#{Place.table(resource)}_#{identity.name}_index" == constraint && hd(identity.keys)
      end)

    %InvalidAttribute{field: field, message: "has already been taken"}
  end

  defp conflict(%{action: %{upsert?: true, upsert_identity: identity}, resource: resource, attributes: values}) do
    keys =
      if identity,
        do: Enum.find(Info.identities(resource), &(&1.name == identity)).keys,
        else: Info.primary_key(resource)

    set = values |> Map.keys() |> Enum.map_join(", ", &"#{quoted(&1)} = EXCLUDED.#{quoted(&1)}")
    " ON CONFLICT (#{Enum.map_join(keys, ", ", &quoted/1)}) DO UPDATE SET #{set}"
  end

  defp conflict(_), do: ""

  defp key_of(resource, data), do: for(name <- Info.primary_key(resource), do: {name, :==, Map.fetch!(data, name)})

  defp where(resource, terms, from \\ 0)
  defp where(_, [], _), do: {"", []}

  defp where(resource, terms, from) do
    {parts, params} =
      terms
      |> Enum.with_index(from + 1)
      |> Enum.map(fn {{key, operator, value}, at} ->
        attribute = Info.attribute(resource, key)

        {:ok, cast} =
          if operator == :in,
            do: {:ok, value},
            else: Ash.Type.cast(attribute.type, value, Keyword.take(attribute.constraints, [:one_of]))

        {"#{quoted(key)} #{sql(operator)} $#{at}", Ash.Type.dump(attribute.type, cast)}
      end)
      |> Enum.unzip()

    {" WHERE " <> Enum.join(parts, " AND "), params}
  end

  defp sql(:==), do: "="
  defp sql(:!=), do: "<>"
  defp sql(operator), do: to_string(operator)

  defp columns(resource), do: resource |> Info.attributes() |> Enum.map_join(", ", &quoted(&1.name))
  defp quoted(name), do: "\"#{name}\""

  defp dumped(resource, names, values),
    do: for(name <- names, do: Ash.Type.dump(Info.attribute(resource, name).type, values[name]))

  defp record(resource, row) do
    values =
      for {attribute, value} <- Enum.zip(Info.attributes(resource), row),
          do: {attribute.name, Ash.Type.load(attribute.type, value, attribute.constraints)}

    struct(resource, values)
  end
end
