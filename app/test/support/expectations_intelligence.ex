defmodule Xavos.Expectations.Intelligence do
  @moduledoc "Who may do what with advice."
  @behaviour Xavos.Expectations

  alias Xavos.Intelligence.{Advice, Reservation}

  @impl true
  def table do
    %{
      {Advice, :read} => [:operator, :viewer],
      {Advice, :list} => [:operator, :viewer],
      {Advice, :request} => [:operator],
      {Advice, :apply} => [:operator],
      {Advice, :dismiss} => [:operator],
      {Advice, :propose} => [:operator],
      {Advice, :begin_applying} => [:operator],
      {Advice, :record_outcome} => [:operator],
      {Reservation, :read} => [],
      {Reservation, :reserve} => [],
      {Reservation, :destroy} => []
    }
  end
end
