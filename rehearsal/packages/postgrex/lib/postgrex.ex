defmodule Postgrex do
  @moduledoc "Rehearsal stand-in: PostgreSQL's wire protocol, version 3."

  alias Postgrex.Connection

  def start_link(opts), do: Connection.start_link(opts)

  def query(conn, sql, params \\ [], _opts \\ []), do: Connection.query(conn, IO.iodata_to_binary(sql), params)

  def query!(conn, sql, params \\ [], opts \\ []) do
    case query(conn, sql, params, opts) do
      {:ok, result} -> result
      {:error, error} -> raise error
    end
  end
end

defmodule Postgrex.Result do
  defstruct [:command, :columns, :rows, :num_rows, :connection_id, messages: []]
end

defmodule Postgrex.Error do
  defexception [:message, :postgres, :connection_id, :query]

  @impl true
  def message(%{postgres: nil, message: message}), do: message

  def message(%{postgres: fields}) do
    detail = if fields[:detail], do: "\n\n    #{fields.detail}", else: ""
    "#{fields.severity} #{fields.pg_code} (#{fields.code}) #{fields.message}#{detail}"
  end
end

defmodule DBConnection do
  @moduledoc false
end

defmodule DBConnection.ConnectionError do
  defexception [:message, severity: :error, reason: :error]
end

defmodule DBConnection.OwnershipError do
  defexception [:message]
end

defmodule Postgrex.ErrorCode do
  @moduledoc false

  @names %{
    "08P01" => :protocol_violation,
    "22001" => :string_data_right_truncation,
    "22P02" => :invalid_text_representation,
    "23502" => :not_null_violation,
    "23503" => :foreign_key_violation,
    "23505" => :unique_violation,
    "23514" => :check_violation,
    "25P02" => :in_failed_sql_transaction,
    "28000" => :invalid_authorization_specification,
    "28P01" => :invalid_password,
    "3D000" => :invalid_catalog_name,
    "40P01" => :deadlock_detected,
    "42501" => :insufficient_privilege,
    "42601" => :syntax_error,
    "42703" => :undefined_column,
    "42704" => :undefined_object,
    "42P01" => :undefined_table,
    "42P04" => :duplicate_database,
    "42P07" => :duplicate_table,
    "42710" => :duplicate_object,
    "53300" => :too_many_connections,
    "55006" => :object_in_use,
    "55P03" => :lock_not_available,
    "57P01" => :admin_shutdown,
    "57P03" => :cannot_connect_now,
    "58P01" => :undefined_file
  }

  def name(code), do: Map.get(@names, code, :unknown)
end
