defimpl AshJsonApi.ToJsonApiError, for: AshStateMachine.Errors.NoMatchingTransition do
  @moduledoc false
  # Somebody was faster, or it was never possible: what is asked for does not fit what is.

  def to_json_api_error(error) do
    %AshJsonApi.Error{
      id: Ash.UUID.generate(),
      status_code: 409,
      code: "no_matching_transition",
      title: "NoMatchingTransition",
      detail: "#{error.action} does not lead from #{error.old_state} to #{error.target}",
      meta: %{}
    }
  end
end

defimpl AshJsonApi.ToJsonApiError, for: Ash.Error.Changes.StaleRecord do
  @moduledoc false
  # Somebody was faster.

  def to_json_api_error(_error) do
    %AshJsonApi.Error{
      id: Ash.UUID.generate(),
      status_code: 409,
      code: "stale_record",
      title: "StaleRecord",
      detail: "somebody else has changed it meanwhile; read it again",
      meta: %{}
    }
  end
end
