defmodule AshPostgres.MigrationGenerator do
  @moduledoc "Rehearsal stand-in: generates migrations and snapshots from resources."

  alias Ash.Resource.Info
  alias AshPostgres.DataLayer.Info, as: Place

  @functions_version 6

  defstruct [:name, check: false, dry_run: false, dev: false, quiet: false]

  def generate(app, opts) do
    resources =
      for resource <- Ash.Info.resources(app), Info.data_layer(resource) == AshPostgres.DataLayer, do: resource

    configured = for repo <- Application.get_env(app, :ecto_repos, []), ash?(repo), do: repo
    repos = resources |> Enum.map(&Place.repo/1) |> Enum.concat(configured) |> Enum.uniq()

    files =
      Enum.flat_map(repos, &extensions(&1, opts)) ++
        Enum.flat_map(repos, &tables(&1, Enum.filter(resources, fn r -> Place.repo(r) == &1 end), opts))

    cond do
      files == [] ->
        unless opts.quiet, do: Mix.shell().info("No changes detected, so no migrations or snapshots have been created.")

      opts.check ->
        raise Ash.Error.Framework.PendingCodegen, diff: files

      opts.dry_run ->
        for {file, text} <- files, do: Mix.shell().info("#{file}:\n#{text}")

      opts.name == nil and not opts.dev ->
        Mix.raise("""
        Name must be provided when generating migrations, unless `--dry-run` or `--check` or `--dev` is also provided.

        Please provide a name. for example:

            mix ash_postgres.generate_migrations <name> ...args
        """)

      true ->
        for {file, text} <- files, do: Mix.Generator.create_file(file, text, force: true)
    end
  end

  defp ash?(repo), do: Code.ensure_loaded?(repo) and function_exported?(repo, :installed_extensions, 0)

  # Extensions come first, in a migration of their own.

  defp extensions(repo, opts) do
    file = "priv/resource_snapshots/#{short(repo)}/extensions.json"
    installed = with {:ok, text} <- File.read(file), do: Jason.decode!(text)["installed"], else: (_ -> [])

    case repo.installed_extensions() -- installed do
      [] ->
        []

      new ->
        up = Enum.map_join(new, "\n\n", &install/1)
        down = Enum.map_join(Enum.reverse(new), "\n\n", &uninstall/1)
        module = "#{camel(opts.name)}Extensions1"
        state = Jason.encode!(%{ash_functions_version: @functions_version, installed: installed ++ new}, pretty: true)
        [{migration_file(repo, "#{opts.name}_extensions_1", 0), migration(repo, module, up, down)}, {file, state}]
    end
  end

  defp install("ash-functions") do
    """
    execute("CREATE OR REPLACE FUNCTION ash_elixir_or(\\"left\\" ANYCOMPATIBLE, \\"right\\" ANYCOMPATIBLE) RETURNS ANYCOMPATIBLE AS $$ SELECT COALESCE($1, $2) $$ LANGUAGE SQL IMMUTABLE")

    execute("CREATE OR REPLACE FUNCTION ash_elixir_and(\\"left\\" ANYCOMPATIBLE, \\"right\\" ANYCOMPATIBLE) RETURNS ANYCOMPATIBLE AS $$ SELECT CASE WHEN $1 IS NOT NULL THEN $2 ELSE $1 END $$ LANGUAGE SQL IMMUTABLE")

    execute("CREATE OR REPLACE FUNCTION ash_raise_error(json_data jsonb) RETURNS BOOLEAN AS $$ BEGIN RAISE EXCEPTION 'ash_error: %', json_data::text; RETURN NULL; END; $$ LANGUAGE plpgsql STABLE")

    execute("CREATE OR REPLACE FUNCTION uuid_generate_v7() RETURNS UUID AS $$ SELECT gen_random_uuid() $$ LANGUAGE SQL VOLATILE")
    """
    |> String.trim()
  end

  defp install(name), do: "execute(\"CREATE EXTENSION IF NOT EXISTS \\\"#{name}\\\"\")"

  defp uninstall("ash-functions") do
    "execute(\"DROP FUNCTION IF EXISTS uuid_generate_v7(), ash_raise_error(jsonb), ash_elixir_and(ANYCOMPATIBLE, ANYCOMPATIBLE), ash_elixir_or(ANYCOMPATIBLE, ANYCOMPATIBLE)\")"
  end

  defp uninstall(name), do: "# execute(\"DROP EXTENSION IF EXISTS \\\"#{name}\\\"\")"

  # Tables are compared with their newest snapshots.

  defp tables(repo, resources, opts) do
    changes =
      for resource <- Enum.sort_by(resources, &Place.table/1),
          change = change(repo, resource),
          change != nil,
          do: change

    case changes do
      [] ->
        []

      changes ->
        up = Enum.map_join(changes, "\n\n", & &1.up)
        down = changes |> Enum.reverse() |> Enum.map_join("\n\n", & &1.down)

        snapshots =
          for {change, at} <- Enum.with_index(changes, 2),
              do:
                {"priv/resource_snapshots/#{short(repo)}/#{change.table}/#{stamp(at)}.json",
                 Jason.encode!(change.snapshot, pretty: true)}

        [
          {migration_file(repo, opts.name || "migrations", 1),
           migration(repo, camel(opts.name || "migrations"), up, down)}
          | snapshots
        ]
    end
  end

  defp change(repo, resource) do
    now = snapshot(repo, resource)
    table = now["table"]

    case previous(repo, table) do
      nil ->
        %{table: table, snapshot: now, up: create(now), down: drop(now)}

      before ->
        if Map.drop(before, ["hash"]) == Map.drop(now, ["hash"]),
          do: nil,
          else: %{table: table, snapshot: now, up: alter(before, now), down: alter(now, before)}
    end
  end

  defp previous(repo, table) do
    case Path.wildcard("priv/resource_snapshots/#{short(repo)}/#{table}/*.json") do
      [] -> nil
      files -> files |> Enum.max() |> File.read!() |> Jason.decode!()
    end
  end

  defp snapshot(repo, resource) do
    table = Place.table(resource)

    attributes =
      for attribute <- Info.attributes(resource) do
        %{
          "source" => to_string(attribute.name),
          "type" => attribute.type |> Ash.Type.storage() |> type(attribute),
          "allow_nil?" => attribute.allow_nil?,
          "primary_key?" => attribute.primary_key?,
          "generated?" => attribute.generated?,
          "default" => default(attribute)
        }
      end

    identities =
      for identity <- Info.identities(resource),
          do: %{
            "name" => to_string(identity.name),
            "keys" => Enum.map(identity.keys, &to_string/1),
            "index_name" => "#{table}_#{identity.name}_index"
          }

    state = %{
      "table" => table,
      "repo" => to_string(repo),
      "schema" => nil,
      "attributes" => attributes,
      "identities" => identities
    }

    Map.put(state, "hash", :sha256 |> :crypto.hash(:erlang.term_to_binary(state, [:deterministic])) |> Base.encode16())
  end

  defp type({:array, type}, attribute), do: ["array", type(type, attribute)]
  defp type(:bigint, %{generated?: true}), do: "bigserial"
  defp type(type, _), do: to_string(type)

  defp default(%{primary_key?: true, type: :uuid}), do: "fragment(\"gen_random_uuid()\")"

  defp default(%{type: :utc_datetime_usec, default: default}) when default != nil,
    do: "fragment(\"(now() AT TIME ZONE 'utc')\")"

  defp default(%{default: nil}), do: "nil"
  defp default(%{default: fun}) when is_function(fun), do: "nil"
  defp default(%{default: atom}) when is_atom(atom) and not is_boolean(atom), do: inspect(Atom.to_string(atom))
  defp default(%{default: value}), do: inspect(value)

  defp create(state) do
    columns = Enum.map_join(state["attributes"], "\n", &("  " <> add(&1)))

    Enum.join(
      [
        "create table(:#{state["table"]}, primary_key: false) do\n#{columns}\nend"
        | Enum.map(state["identities"], &index("create", state, &1))
      ],
      "\n\n"
    )
  end

  defp drop(state) do
    Enum.join(
      Enum.map(state["identities"], &index("drop_if_exists", state, &1)) ++ ["drop table(:#{state["table"]})"],
      "\n\n"
    )
  end

  defp alter(before, now) do
    gone = before["identities"] -- now["identities"]
    new = now["identities"] -- before["identities"]
    old_columns = Map.new(before["attributes"], &{&1["source"], &1})
    columns = Map.new(now["attributes"], &{&1["source"], &1})

    lines =
      for(a <- now["attributes"], not Map.has_key?(old_columns, a["source"]), do: add(a)) ++
        for(a <- now["attributes"], old = old_columns[a["source"]], old != nil and old != a, do: modify(a)) ++
        for(a <- before["attributes"], not Map.has_key?(columns, a["source"]), do: "remove :#{a["source"]}")

    table =
      if lines == [],
        do: [],
        else: ["alter table(:#{now["table"]}) do\n#{Enum.map_join(lines, "\n", &("  " <> &1))}\nend"]

    Enum.join(
      Enum.map(gone, &index("drop_if_exists", before, &1)) ++ table ++ Enum.map(new, &index("create", now, &1)),
      "\n\n"
    )
  end

  defp add(attribute) do
    Enum.join(["add :#{attribute["source"]}, #{type_code(attribute["type"])}" | options(attribute)], ", ")
  end

  defp modify(attribute) do
    null = if attribute["allow_nil?"], do: "null: true", else: "null: false"
    default = "default: #{attribute["default"]}"
    Enum.join(["modify :#{attribute["source"]}, #{type_code(attribute["type"])}", null, default], ", ")
  end

  defp options(attribute) do
    [
      attribute["allow_nil?"] == false && "null: false",
      attribute["default"] != "nil" && "default: #{attribute["default"]}",
      attribute["primary_key?"] && "primary_key: true"
    ]
    |> Enum.filter(& &1)
  end

  defp type_code(["array", type]), do: "{:array, #{type_code(type)}}"
  defp type_code(type), do: ":#{type}"

  defp index(verb, state, identity) do
    "#{verb} unique_index(:#{state["table"]}, [#{Enum.map_join(identity["keys"], ", ", &":#{&1}")}], name: \"#{identity["index_name"]}\")"
  end

  defp migration(repo, name, up, down) do
    """
    defmodule #{inspect(repo)}.Migrations.#{name} do
      @moduledoc \"\"\"
      Updates resources based on their most recent snapshots.

      This file was autogenerated with `mix ash_postgres.generate_migrations`
      \"\"\"

      use Ecto.Migration

      def up do
    #{indent(up)}
      end

      def down do
    #{indent(down)}
      end
    end
    """
    |> Code.format_string!(
      locals_without_parens: [add: :*, create: :*, drop: :*, drop_if_exists: :*, alter: :*, modify: :*, remove: :*]
    )
    |> then(&IO.iodata_to_binary([&1, ?\n]))
  end

  defp indent(text), do: text |> String.split("\n") |> Enum.map_join("\n", &if(&1 == "", do: "", else: "    " <> &1))
  defp migration_file(repo, name, at), do: "priv/#{short(repo)}/migrations/#{stamp(at)}_#{name}.exs"
  defp short(repo), do: repo |> Module.split() |> List.last() |> Macro.underscore()
  defp camel(nil), do: "Pending"
  defp camel(name), do: Macro.camelize(to_string(name))

  # Files of one run carry consecutive seconds, as those of the real generator do.
  defp stamp(at), do: NaiveDateTime.utc_now() |> NaiveDateTime.add(at) |> Calendar.strftime("%Y%m%d%H%M%S")
end
