defmodule Ash.Query do
  @moduledoc false

  alias Ash.Resource.Info

  defstruct [:resource, :action, :limit, filter: [], sort: [], arguments: %{}, errors: [], context: %{}, offset: nil]

  def new(%__MODULE__{} = query), do: query
  def new(resource), do: %__MODULE__{resource: resource}

  def for_read(query, name, params \\ %{}, opts \\ []) do
    query = new(query)
    action = Info.action(query.resource, name)
    arguments = Map.new(action.arguments, fn arg -> {arg.name, params[arg.name] || params[to_string(arg.name)]} end)

    missing =
      for arg <- action.arguments,
          arg.opts[:allow_nil?] == false and arguments[arg.name] == nil,
          do: %Ash.Error.Changes.Required{field: arg.name, type: :argument, resource: query.resource}

    query = %{
      query
      | action: action,
        arguments: arguments,
        errors: missing,
        context: Map.merge(query.context, opts[:context] || %{})
    }

    if missing == [], do: Enum.reduce(action.preparations, query, &prepare/2), else: query
  end

  defp prepare({:call, :build, [opts]}, query), do: build(query, opts)
  defp prepare({module, opts}, query) when is_atom(module), do: module.prepare(query, opts, %{})
  defp prepare(module, query) when is_atom(module), do: module.prepare(query, [], %{})

  def build(query, opts) do
    Enum.reduce(opts, new(query), fn
      {:sort, sort}, query -> sort(query, sort)
      {:limit, limit}, query -> limit(query, limit)
      {:offset, offset}, query -> %{query | offset: offset}
      {:filter, filter}, query -> do_filter(query, filter)
      _, query -> query
    end)
  end

  def sort(query, sort) do
    query = new(query)
    %{query | sort: query.sort ++ Enum.map(List.wrap(sort), &if(is_tuple(&1), do: &1, else: {&1, :asc}))}
  end

  def limit(query, limit), do: %{new(query) | limit: limit}
  def load(query, _), do: new(query)
  def select(query, _), do: new(query)
  def get_argument(query, key), do: query.arguments[key]

  @doc "`field == ^value`, several joined by `and`, or a keyword list."
  defmacro filter(query, code) do
    terms =
      if Keyword.keyword?(code),
        do: for({key, value} <- code, do: {:{}, [], [key, :==, value]}),
        else: code |> conjuncts() |> Enum.map(&term/1)

    quote do: Ash.Query.do_filter(unquote(query), unquote(terms))
  end

  defp conjuncts({:and, _, [left, right]}), do: conjuncts(left) ++ conjuncts(right)
  defp conjuncts(code), do: [code]

  defp term({operator, _, [{field, _, context}, value]}) when is_atom(context) do
    {:{}, [], [field, operator, unpin(value)]}
  end

  defp unpin({:^, _, [value]}), do: value
  defp unpin(value), do: value

  def do_filter(query, terms) do
    terms =
      Enum.map(terms, fn
        {key, value} -> {key, :==, value}
        term -> term
      end)

    query = new(query)
    %{query | filter: query.filter ++ terms}
  end

  @doc "The only record, or an error that says there is none."
  def one(query, opts) do
    case Ash.read_one(query, opts) do
      {:ok, nil} -> {:error, Ash.Error.to_class(%Ash.Error.Query.NotFound{resource: query.resource})}
      other -> other
    end
  end
end

defmodule Ash.Changeset do
  @moduledoc false

  alias Ash.Error.Changes.{InvalidAttribute, Required}
  alias Ash.Resource.Info

  defstruct [
    :resource,
    :action,
    :action_type,
    :data,
    attributes: %{},
    arguments: %{},
    params: %{},
    errors: [],
    context: %{},
    opts: [],
    after_action: [],
    before_action: [],
    finished?: false
  ]

  def for_create(resource, name, params \\ %{}, opts \\ []),
    do: build(resource, struct(resource), :create, name, params, opts)

  def for_update(record, name, params \\ %{}, opts \\ []),
    do: build(record.__struct__, record, :update, name, params, opts)

  def for_destroy(record, name, params \\ %{}, opts \\ []),
    do: build(record.__struct__, record, :destroy, name, params, opts)

  defp build(resource, data, type, name, params, opts) do
    action = Info.action(resource, name)
    params = Map.new(params, fn {key, value} -> {to_string(key), value} end)

    changeset = %__MODULE__{
      resource: resource,
      action: action,
      action_type: type,
      data: data,
      params: params,
      opts: opts,
      context: opts[:context] || %{}
    }

    changeset
    |> unknown(params, action)
    |> accept(params, action)
    |> arguments(params, action)
    |> then(&Enum.reduce(action.changes, &1, fn change, changeset -> change(change, changeset) end))
  end

  defp unknown(changeset, params, action) do
    known = Enum.map(action.accept ++ Enum.map(action.arguments, & &1.name), &to_string/1)

    Enum.reduce(Map.keys(params) -- known, changeset, fn key, changeset ->
      add_error(changeset, %Ash.Error.Invalid.NoSuchInput{input: key, resource: changeset.resource})
    end)
  end

  defp accept(changeset, params, action) do
    Enum.reduce(action.accept, changeset, fn name, changeset ->
      case Map.fetch(params, to_string(name)) do
        {:ok, value} -> change_attribute(changeset, name, value)
        :error -> changeset
      end
    end)
  end

  defp arguments(changeset, params, action) do
    Enum.reduce(action.arguments, changeset, fn argument, changeset ->
      value = Map.get(params, to_string(argument.name), argument.opts[:default])

      case Ash.Type.cast(argument.type, value, argument.opts[:constraints] || []) do
        {:ok, nil} ->
          if argument.opts[:allow_nil?] == false,
            do: add_error(changeset, %Required{field: argument.name, type: :argument, resource: changeset.resource}),
            else: changeset

        {:ok, value} ->
          %{changeset | arguments: Map.put(changeset.arguments, argument.name, value)}

        {:error, message} ->
          add_error(changeset, %InvalidAttribute{field: argument.name, message: message, value: value})
      end
    end)
  end

  defp change({:call, :set_attribute, [name, value]}, changeset),
    do: change_attribute(changeset, name, if(is_function(value, 0), do: value.(), else: value))

  defp change({:call, _, _}, changeset), do: changeset
  defp change({module, opts}, changeset) when is_atom(module), do: module.change(changeset, opts, %{})
  defp change(fun, changeset) when is_function(fun, 2), do: fun.(changeset, %{})
  defp change(fun, changeset) when is_function(fun, 1), do: fun.(changeset)
  defp change(module, changeset) when is_atom(module), do: module.change(changeset, [], %{})

  def change_attribute(changeset, name, value) do
    attribute = Info.attribute(changeset.resource, name)

    case Ash.Type.cast(attribute.type, value, attribute.constraints) do
      {:ok, value} ->
        %{changeset | attributes: Map.put(changeset.attributes, attribute.name, value)}

      {:error, message} ->
        add_error(changeset, %InvalidAttribute{field: attribute.name, message: message, value: value})
    end
  end

  def force_change_attribute(changeset, name, value),
    do: %{changeset | attributes: Map.put(changeset.attributes, name, value)}

  def get_attribute(changeset, name), do: Map.get(changeset.attributes, name, Map.get(changeset.data, name))
  def get_argument(changeset, name), do: changeset.arguments[name]
  def after_action(changeset, fun), do: %{changeset | after_action: changeset.after_action ++ [fun]}
  def before_action(changeset, fun), do: %{changeset | before_action: changeset.before_action ++ [fun]}
  def add_error(changeset, error) when is_exception(error), do: %{changeset | errors: [error | changeset.errors]}

  def add_error(changeset, opts),
    do: add_error(changeset, %InvalidAttribute{field: opts[:field], message: opts[:message]})

  @doc "Defaults set, what is required asked for."
  def finish(%{finished?: true} = changeset), do: changeset

  def finish(changeset) do
    changeset = Enum.reduce(changeset.before_action, changeset, & &1.(&2))

    changeset.resource
    |> Info.attributes()
    |> Enum.reduce(%{changeset | finished?: true}, fn attribute, changeset ->
      changeset |> default(attribute) |> required(attribute)
    end)
  end

  defp default(%{action_type: :create} = changeset, %{name: name, default: default}) when default != nil do
    %{changeset | attributes: Map.put_new_lazy(changeset.attributes, name, fn -> value(default) end)}
  end

  defp default(%{action_type: :update} = changeset, %{name: name, update_default: default})
       when default not in [nil, false] do
    %{changeset | attributes: Map.put_new_lazy(changeset.attributes, name, fn -> value(default) end)}
  end

  defp default(changeset, _), do: changeset

  defp value(fun) when is_function(fun, 0), do: fun.()
  defp value(value), do: value

  defp required(changeset, %{allow_nil?: false, name: name, generated?: false}) do
    wrong? = Enum.any?(changeset.errors, &(Map.get(&1, :field) == name))

    empty? =
      if changeset.action_type == :create,
        do: changeset.attributes[name] == nil,
        else: Map.has_key?(changeset.attributes, name) and changeset.attributes[name] == nil

    if empty? and not wrong? and changeset.action_type != :destroy,
      do: add_error(changeset, %Required{field: name, resource: changeset.resource}),
      else: changeset
  end

  defp required(changeset, _), do: changeset
end

defmodule Ash do
  @moduledoc "Rehearsal stand-in: runs actions of resources."

  alias Ash.{Changeset, Query}
  alias Ash.Resource.Info

  def read(query, opts \\ []) do
    query = Query.new(query)

    query =
      if query.action,
        do: query,
        else: Query.for_read(query, Info.primary_action(query.resource, :read).name, %{}, opts)

    cond do
      query.errors != [] -> {:error, Ash.Error.to_class(query.errors)}
      not allowed?(query.resource, query.action, query.context, opts) -> forbidden()
      true -> Info.data_layer(query.resource).run_query(query) |> classed()
    end
  end

  def read!(query, opts \\ []), do: bang(read(query, opts))

  def read_one(query, opts \\ []) do
    case read(query, opts) do
      {:ok, []} -> {:ok, nil}
      {:ok, [record | _]} -> {:ok, record}
      error -> error
    end
  end

  def read_one!(query, opts \\ []), do: bang(read_one(query, opts))

  def get(resource, id, opts \\ []) do
    filter = if is_map(id) or Keyword.keyword?(id), do: Enum.to_list(id), else: [{hd(Info.primary_key(resource)), id}]

    query = Query.for_read(resource, opts[:action] || Info.primary_action(resource, :read).name, %{}, opts)
    Query.one(%{query | filter: query.filter ++ for({key, value} <- filter, do: {key, :==, value})}, opts)
  end

  def get!(resource, id, opts \\ []), do: bang(get(resource, id, opts))
  def exists?(query, opts \\ []), do: read!(query, opts) != []
  def count(query, opts \\ []), do: with({:ok, records} <- read(query, opts), do: {:ok, length(records)})
  def count!(query, opts \\ []), do: bang(count(query, opts))
  def load(record, _load, _opts \\ []), do: {:ok, record}
  def load!(record, _load, _opts \\ []), do: record

  def create(changeset, opts \\ [])
  def create(%Changeset{} = changeset, opts), do: change(changeset, opts, :create)
  def create(resource, params) when is_atom(resource), do: create(resource, params, [])

  def create(resource, params, opts),
    do:
      resource
      |> Changeset.for_create(opts[:action] || Info.primary_action(resource, :create).name, params, opts)
      |> create(opts)

  def create!(changeset, opts \\ []), do: bang(create(changeset, opts))
  def create!(resource, params, opts), do: bang(create(resource, params, opts))

  def update(changeset, opts \\ [])
  def update(%Changeset{} = changeset, opts), do: change(changeset, opts, :update)
  def update(record, params), do: update(record, params, [])

  def update(record, params, opts),
    do:
      record
      |> Changeset.for_update(opts[:action] || Info.primary_action(record.__struct__, :update).name, params, opts)
      |> update(opts)

  def update!(changeset, opts \\ []), do: bang(update(changeset, opts))

  def destroy(target, opts \\ [])
  def destroy(%Changeset{} = changeset, opts), do: change(changeset, opts, :destroy)

  def destroy(record, opts),
    do:
      record
      |> Changeset.for_destroy(opts[:action] || Info.primary_action(record.__struct__, :destroy).name, %{}, opts)
      |> destroy(opts)

  def destroy!(target, opts \\ []), do: bang(destroy(target, opts))

  defp change(changeset, opts, kind) do
    changeset = Changeset.finish(changeset)

    cond do
      not allowed?(changeset.resource, changeset.action, changeset.context, Keyword.merge(changeset.opts, opts)) ->
        forbidden()

      changeset.errors != [] ->
        {:error, %Ash.Error.Invalid{errors: Enum.reverse(changeset.errors), changeset: changeset}}

      true ->
        changeset |> run(kind) |> classed() |> after_action(changeset)
    end
  end

  defp run(changeset, :create), do: Info.data_layer(changeset.resource).create(changeset)
  defp run(changeset, :update), do: Info.data_layer(changeset.resource).update(changeset)
  defp run(changeset, :destroy), do: Info.data_layer(changeset.resource).destroy(changeset)

  defp after_action({:ok, record}, changeset) do
    Enum.reduce_while(changeset.after_action, {:ok, record}, fn hook, {:ok, record} ->
      case hook.(changeset, record) do
        {:ok, record} -> {:cont, {:ok, record}}
        {:error, error} -> {:halt, {:error, Ash.Error.to_class(error)}}
      end
    end)
  end

  defp after_action(other, _), do: other

  defp allowed?(resource, action, context, opts) do
    authorizers = Info.authorizers(resource)
    context = Map.merge(context, opts[:context] || %{})

    opts[:authorize?] == false or authorizers == [] or
      Ash.Policy.Authorizer.allowed?(resource, action, Keyword.put(opts, :context, context))
  end

  defp forbidden, do: {:error, %Ash.Error.Forbidden{errors: [%Ash.Error.Forbidden.Policy{}]}}
  defp classed({:error, error}), do: {:error, Ash.Error.to_class(error)}
  defp classed(other), do: other

  defp bang(:ok), do: :ok
  defp bang({:ok, value}), do: value
  defp bang({:error, error}), do: raise(error)
end
