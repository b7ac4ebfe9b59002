defmodule Req do
  @moduledoc "Rehearsal stand-in: makes no requests."

  def get(_url, _opts \\ []), do: {:error, %RuntimeError{message: "rehearsal stand-in: no requests are made"}}
end
