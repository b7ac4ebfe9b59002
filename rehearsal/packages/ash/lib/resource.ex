defmodule Ash.Domain do
  @moduledoc "Rehearsal stand-in: a domain: a list of resources, and functions for their actions."

  require Spark.Dsl
  Spark.Dsl.defsections([:resources, :authorization, :domain, :execution, :json_api, :admin, :graphql])

  defmacro __using__(_opts) do
    quote do
      Spark.Dsl.prepare(__MODULE__)
      import Ash.Domain
      @before_compile Ash.Domain
    end
  end

  defmacro __before_compile__(env) do
    interfaces =
      for {:resource, _, [resource, [do: block]]} <- Spark.Dsl.blocks(env.module, :resources),
          code <- Ash.CodeInterface.statements(block),
          do: Ash.CodeInterface.functions(resource, code)

    quote do
      unquote(Spark.Dsl.definitions(env.module))
      unquote_splicing(interfaces |> List.flatten() |> Enum.filter(& &1))
    end
  end

  def resource_list(domain),
    do: for(%{name: :resource, args: [resource | _]} <- Spark.Dsl.section_of(domain, :resources), do: resource)
end

defmodule Ash.Domain.Info do
  @moduledoc false
  def resources(domain), do: Ash.Domain.resource_list(domain)
end

defmodule Ash.Info do
  @moduledoc false
  def domains(otp_app), do: Application.get_env(otp_app, :ash_domains, [])
  def resources(otp_app), do: Enum.flat_map(domains(otp_app), &Ash.Domain.resource_list/1)
end

defmodule Ash.CodeInterface do
  @moduledoc false

  def statements({:__block__, _, statements}), do: statements
  def statements(statement), do: [statement]

  @doc "Functions for `define :name, opts`, with and without an exclamation mark."
  def functions(resource, {kind, _, [name | rest]}) when kind in [:define, :define_calculation] do
    opts = List.first(rest) || []
    fixed = length(opts[:args] || []) + length(List.wrap(opts[:get_by])) + if(opts[:get_by_identity], do: 1, else: 0)

    for count <- fixed..(fixed + 3) do
      args = Macro.generate_arguments(count, __MODULE__)

      quote do
        def unquote(name)(unquote_splicing(args)),
          do: Ash.CodeInterface.run(unquote(resource), unquote(name), unquote(opts), unquote(args))

        def unquote(:"#{name}!")(unquote_splicing(args)),
          do: Ash.CodeInterface.run!(unquote(resource), unquote(name), unquote(opts), unquote(args))
      end
    end
  end

  def functions(_, _), do: nil

  def run!(resource, name, opts, args) do
    case run(resource, name, opts, args) do
      {:ok, value} -> value
      :ok -> :ok
      {:error, error} -> raise error
    end
  end

  def run(resource, name, opts, args) do
    action = Ash.Resource.Info.action(resource, opts[:action] || name)
    {record, args} = if action.type in [:update, :destroy], do: {hd(args), tl(args)}, else: {nil, args}
    by = List.wrap(opts[:get_by])
    names = (opts[:args] || []) ++ by
    {given, rest} = Enum.split(args, length(names))
    {params, options} = rest(rest)
    named = Map.new(Enum.zip(names, given))

    case action.type do
      :create ->
        resource |> Ash.Changeset.for_create(action.name, Map.merge(params, named), options) |> Ash.create(options)

      :update ->
        record |> Ash.Changeset.for_update(action.name, Map.merge(params, named), options) |> Ash.update(options)

      :destroy ->
        record |> Ash.Changeset.for_destroy(action.name, Map.merge(params, named), options) |> Ash.destroy(options)

      :read ->
        read(resource, action, by, named, params, opts, options)

      :action ->
        raise ArgumentError, "the stand-in knows no generic actions"
    end
  end

  defp read(resource, action, by, named, params, opts, options) do
    {filter, arguments} = Map.split(named, by)
    query = Ash.Query.for_read(resource, action.name, Map.merge(params, arguments), options)
    query = %{query | filter: query.filter ++ for({key, value} <- filter, do: {key, :==, value})}
    query = if options[:query], do: Ash.Query.build(query, Keyword.new(options[:query])), else: query
    one? = by != [] or opts[:get?] == true or action.get?

    cond do
      not one? ->
        Ash.read(query, options)

      Keyword.get(opts, :not_found_error?, Keyword.get(options, :not_found_error?, true)) ->
        Ash.Query.one(query, options)

      true ->
        Ash.read_one(query, options)
    end
  end

  defp rest([]), do: {%{}, []}
  defp rest([params]) when is_map(params), do: {params, []}
  defp rest([[{_, _} | _] = options]), do: {%{}, options}
  defp rest([[]]), do: {%{}, []}
  defp rest([nil]), do: {%{}, []}
  defp rest([params, options]), do: {Map.new(params), options}
end

defmodule Ash.Resource do
  @moduledoc "Rehearsal stand-in: a resource: attributes and actions as data."

  require Spark.Dsl

  Spark.Dsl.defsections([
    :actions,
    :aggregates,
    :attributes,
    :calculations,
    :changes,
    :code_interface,
    :field_policies,
    :identities,
    :policies,
    :preparations,
    :pub_sub,
    :relationships,
    :resource,
    :validations
  ])

  defmacro __using__(opts) do
    opts = Macro.prewalk(opts, &Macro.expand(&1, %{__CALLER__ | function: {:spark_section, 1}}))
    extensions = Enum.filter([opts[:data_layer] | List.wrap(opts[:extensions])] ++ List.wrap(opts[:authorizers]), & &1)

    imports =
      for extension <- extensions,
          Code.ensure_compiled(extension) == {:module, extension},
          Code.ensure_loaded?(Module.concat(extension, Sections)),
          do: quote(do: import(unquote(Module.concat(extension, Sections))))

    quote do
      Spark.Dsl.prepare(__MODULE__)
      import Ash.Resource
      import Ash.Expr, only: [expr: 1]
      unquote_splicing(imports)
      @before_compile Ash.Resource
      @ash_resource_opts unquote(opts)
      def __ash_resource__, do: @ash_resource_opts
    end
  end

  defmacro __before_compile__(env) do
    opts = Module.get_attribute(env.module, :ash_resource_opts)
    own = Enum.flat_map(Spark.Dsl.blocks(env.module, :attributes), &fields/1)
    related = Enum.flat_map(Spark.Dsl.blocks(env.module, :relationships), &related/1)

    other =
      for section <- [:calculations, :aggregates], {_, _, [name | _]} <- Spark.Dsl.blocks(env.module, section), do: name

    added =
      for extension <- List.wrap(opts[:extensions]),
          Code.ensure_loaded?(extension) and function_exported?(extension, :added_fields, 0),
          name <- extension.added_fields(),
          do: name

    fields = for name <- Enum.uniq(own ++ related ++ other ++ added), do: {name, nil}

    interfaces =
      for code <- Spark.Dsl.blocks(env.module, :code_interface), do: Ash.CodeInterface.functions(env.module, code)

    quote do
      defstruct unquote(fields) ++ [__meta__: nil, __metadata__: %{}]
      unquote(Spark.Dsl.definitions(env.module))
      unquote_splicing(interfaces |> List.flatten() |> Enum.filter(& &1))
    end
  end

  defp fields({:timestamps, _, _}), do: [:inserted_at, :updated_at]
  defp fields({_, _, [name | _]}), do: [name]

  defp related({:belongs_to, _, [name | _]}), do: [name, :"#{name}_id"]
  defp related({_, _, [name | _]}), do: [name]

  def put_metadata(record, key, value), do: %{record | __metadata__: Map.put(record.__metadata__, key, value)}
end

defmodule Ash.Resource.Attribute do
  @moduledoc false
  defstruct [
    :name,
    :type,
    :default,
    :update_default,
    :description,
    constraints: [],
    allow_nil?: true,
    primary_key?: false,
    public?: false,
    sensitive?: false,
    writable?: true,
    generated?: false
  ]
end

defmodule Ash.Resource.Action do
  @moduledoc false
  defstruct [
    :name,
    :type,
    :description,
    accept: [],
    arguments: [],
    changes: [],
    preparations: [],
    validations: [],
    filters: [],
    primary?: false,
    get?: false,
    upsert?: false,
    upsert_identity: nil
  ]
end

defmodule Ash.Resource.Info do
  @moduledoc "Rehearsal stand-in: introspection of a resource."

  alias Ash.Resource.{Action, Attribute}
  import Spark.Dsl, only: [option: 2, option: 3, section_of: 2]

  def domain(resource), do: resource.__ash_resource__()[:domain]
  def data_layer(resource), do: resource.__ash_resource__()[:data_layer]
  def extensions(resource), do: List.wrap(resource.__ash_resource__()[:extensions])
  def authorizers(resource), do: List.wrap(resource.__ash_resource__()[:authorizers])
  def primary_key(resource), do: for(%{primary_key?: true, name: name} <- attributes(resource), do: name)
  def attribute(resource, name), do: Enum.find(attributes(resource), &(&1.name == name or to_string(&1.name) == name))
  def public_attributes(resource), do: Enum.filter(attributes(resource), & &1.public?)

  def action(resource, name),
    do:
      Enum.find(actions(resource), &(&1.name == name)) ||
        raise(ArgumentError, "no action #{inspect(name)} on #{inspect(resource)}")

  def primary_action(resource, type),
    do:
      resource
      |> actions()
      |> Enum.filter(&(&1.type == type))
      |> then(&(Enum.find(&1, fn a -> a.primary? end) || List.first(&1)))

  def attributes(resource) do
    own = resource |> section_of(:attributes) |> Enum.flat_map(&attribute_of/1)
    keys = for %{name: :belongs_to} = entity <- section_of(resource, :relationships), do: reference(entity)

    added =
      for extension <- extensions(resource),
          Code.ensure_loaded?(extension) and function_exported?(extension, :added_attributes, 1),
          attribute <- extension.added_attributes(resource),
          do: attribute

    Enum.reject(added, fn a -> Enum.any?(own, &(&1.name == a.name)) end) ++ own ++ keys
  end

  def identities(resource) do
    for %{name: :identity, args: [name, keys | _]} <- section_of(resource, :identities),
        do: %{name: name, keys: List.wrap(keys)}
  end

  def actions(resource) do
    own = resource |> section_of(:actions) |> Enum.flat_map(&action_of(&1, resource))

    added =
      for extension <- extensions(resource),
          Code.ensure_loaded?(extension) and function_exported?(extension, :added_actions, 1),
          action <- extension.added_actions(resource),
          do: action

    own ++ Enum.reject(added, fn a -> Enum.any?(own, &(&1.name == a.name)) end)
  end

  defp attribute_of(%{name: :uuid_primary_key, args: [name | _]}), do: [primary(name, :uuid, &Ash.UUID.generate/0)]
  defp attribute_of(%{name: :uuid_v7_primary_key, args: [name | _]}), do: [primary(name, :uuid, &Ash.UUID.generate/0)]

  defp attribute_of(%{name: :integer_primary_key, args: [name | _]}),
    do: [%{primary(name, :integer, nil) | generated?: true}]

  defp attribute_of(%{name: :create_timestamp, args: [name | _], body: body}), do: [stamp(name, false, body)]
  defp attribute_of(%{name: :update_timestamp, args: [name | _], body: body}), do: [stamp(name, true, body)]

  defp attribute_of(%{name: :timestamps, args: args}),
    do: [stamp(:inserted_at, false, args), stamp(:updated_at, true, args)]

  defp attribute_of(%{name: :attribute, args: [name, type | rest], body: body}) do
    opts = options(rest, body)
    [struct(Attribute, [name: name, type: type] ++ Keyword.take(opts, Map.keys(%Attribute{})))]
  end

  defp attribute_of(_), do: []

  defp primary(name, type, default),
    do: %Attribute{
      name: name,
      type: type,
      default: default,
      primary_key?: true,
      allow_nil?: false,
      public?: true,
      writable?: false
    }

  defp stamp(name, update?, opts) do
    public? = match?([[{_, _} | _] | _], opts) and hd(opts)[:public?] == true
    public? = public? or match?([%{name: :public?} | _], opts)

    %Attribute{
      name: name,
      type: :utc_datetime_usec,
      default: &DateTime.utc_now/0,
      update_default: update? && (&DateTime.utc_now/0),
      allow_nil?: false,
      writable?: false,
      public?: public?
    }
  end

  defp reference(%{args: [name | rest], body: body}) do
    opts = options(Enum.drop(rest, 1), body)

    %Attribute{
      name: opts[:source_attribute] || :"#{name}_id",
      type: opts[:attribute_type] || :uuid,
      allow_nil?: Keyword.get(opts, :allow_nil?, true),
      public?: opts[:public?] || false
    }
  end

  @doc "Options of an entity, given inline or in its block."
  def options(rest, body) do
    inline = List.last([[] | rest])
    inline = if Keyword.keyword?(inline), do: inline, else: []

    block =
      Enum.map(body, fn
        %{name: name, args: [value]} -> {name, value}
        %{name: name, args: []} -> {name, true}
        %{name: name, args: values} -> {name, values}
      end)

    Keyword.merge(inline, block)
  end

  defp action_of(%{name: :defaults, args: [defaults | _]}, resource) do
    for default <- defaults do
      {type, accept} = if is_tuple(default), do: default, else: {default, nil}
      %Action{name: type, type: type, primary?: true, accept: accept(accept, type, resource)}
    end
  end

  defp action_of(%{name: type, args: [name | _], body: body}, resource)
       when type in [:create, :read, :update, :destroy, :action] do
    [
      %Action{
        name: name,
        type: type,
        description: option(body, :description),
        accept: accept(option(body, :accept), type, resource),
        primary?: option(body, :primary?, false),
        get?: option(body, :get?, false),
        upsert?: option(body, :upsert?, false),
        upsert_identity: option(body, :upsert_identity),
        arguments:
          for(
            %{name: :argument, args: [arg, kind | rest], body: inner} <- body,
            do: %{name: arg, type: kind, opts: options(rest, inner)}
          ),
        changes: for(%{name: :change, args: [change | _]} <- body, do: change),
        validations: for(%{name: :validate, args: [validation | _]} <- body, do: validation),
        preparations: for(%{name: :prepare, args: [preparation | _]} <- body, do: preparation),
        filters: for(%{name: :filter, args: [filter | _]} <- body, do: filter)
      }
    ]
  end

  defp action_of(_, _), do: []

  defp accept(nil, _, _), do: []
  defp accept(:*, _, resource), do: for(%{writable?: true, public?: true, name: name} <- attributes(resource), do: name)
  defp accept(list, _, _), do: List.wrap(list)
end

defmodule Ash.Policy.Authorizer do
  @moduledoc "Rehearsal stand-in: evaluates policies in order."

  import Spark.Dsl, only: [section_of: 2]

  defmodule Sections do
    @moduledoc false
    require Spark.Dsl
  end

  @doc "True where the policies of a resource let the action through."
  def allowed?(resource, action, opts) do
    facts = %{resource: resource, action: action, actor: opts[:actor], context: opts[:context] || %{}}

    Enum.reduce_while(section_of(resource, :policies), false, fn
      %{name: kind, args: [condition | _], body: checks}, allowed when kind in [:policy, :bypass] ->
        cond do
          not Enum.all?(List.wrap(condition), &holds?(&1, facts)) -> {:cont, allowed}
          kind == :bypass and verdict(checks, facts) -> {:halt, true}
          kind == :bypass -> {:cont, allowed}
          verdict(checks, facts) -> {:cont, true}
          true -> {:halt, false}
        end

      _, allowed ->
        {:cont, allowed}
    end)
  end

  defp verdict(checks, facts) do
    Enum.find_value(checks, :forbidden, fn
      %{name: :authorize_if, args: [check | _]} -> holds?(check, facts) && :authorized
      %{name: :authorize_unless, args: [check | _]} -> not holds?(check, facts) && :authorized
      %{name: :forbid_if, args: [check | _]} -> holds?(check, facts) && :forbidden
      %{name: :forbid_unless, args: [check | _]} -> not holds?(check, facts) && :forbidden
      _ -> nil
    end) == :authorized
  end

  defp holds?({:call, :always, []}, _), do: true
  defp holds?({:call, :never, []}, _), do: false
  defp holds?({:call, :actor_present, []}, facts), do: facts.actor != nil
  defp holds?({:call, :action_type, [types]}, facts), do: facts.action.type in List.wrap(types)
  defp holds?({:call, :action, [names]}, facts), do: facts.action.name in List.wrap(names)

  defp holds?({:call, :actor_attribute_equals, [key, value]}, facts),
    do: facts.actor != nil and Map.get(facts.actor, key) == value

  defp holds?({module, opts}, facts) when is_atom(module), do: module.match?(facts.actor, facts, opts)
  defp holds?(module, facts) when is_atom(module), do: module.match?(facts.actor, facts, [])
  defp holds?({:expr, true}, _), do: true
  defp holds?(_, _), do: false
end

defmodule Ash.Policy.SimpleCheck do
  @moduledoc false
  defmacro __using__(_), do: quote(do: @behaviour(Ash.Policy.SimpleCheck))
  @callback match?(term(), map(), keyword()) :: boolean()
  @callback describe(keyword()) :: String.t()
  @optional_callbacks describe: 1
end

defmodule Ash.Expr do
  @moduledoc false
  defmacro expr(code), do: Macro.escape({:expr, code})
end

defmodule Ash.PlugHelpers do
  @moduledoc false
  def set_actor(conn, actor), do: Plug.Conn.put_private(conn, :ash, Map.put(conn.private[:ash] || %{}, :actor, actor))
  def get_actor(conn), do: (conn.private[:ash] || %{})[:actor]
end
