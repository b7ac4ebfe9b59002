defmodule AshPhoenix.Form do
  @moduledoc "Rehearsal stand-in: a form for an action."

  defstruct [:resource, :action, :record, :name, params: %{}, errors: [], type: :create]

  def for_create(resource, action, opts \\ []),
    do: %__MODULE__{resource: resource, action: action, name: opts[:as] || "form", params: opts[:params] || %{}}

  def for_update(record, action, opts \\ []),
    do: %__MODULE__{
      resource: record.__struct__,
      record: record,
      action: action,
      type: :update,
      name: opts[:as] || "form",
      params: opts[:params] || %{}
    }

  def validate(form, params, _opts \\ []), do: %{form | params: params}

  def submit(form, opts \\ []) do
    params = opts[:params] || form.params

    outcome =
      if form.type == :create,
        do: form.resource |> Ash.Changeset.for_create(form.action, params) |> Ash.create(),
        else: form.record |> Ash.Changeset.for_update(form.action, params) |> Ash.update()

    with {:error, error} <- outcome, do: {:error, %{form | params: params, errors: error.errors}}
  end

  def errors(form, _opts \\ []), do: for(%{field: field} = error <- form.errors, do: {field, Exception.message(error)})
end

defimpl Phoenix.HTML.FormData, for: AshPhoenix.Form do
  def to_form(form, opts) do
    name = to_string(opts[:as] || form.name)
    errors = for %{field: field} = error <- form.errors, do: {field, {Exception.message(error), []}}

    %Phoenix.HTML.Form{
      source: form,
      impl: __MODULE__,
      id: name,
      name: name,
      params: form.params,
      errors: errors,
      data: form.record || %{}
    }
  end
end

defimpl Phoenix.HTML.Safe, for: Ash.CiString do
  def to_iodata(text), do: text |> to_string() |> Phoenix.HTML.Engine.html_escape()
end

defmodule AshPhoenix.LiveView do
  @moduledoc false
end
