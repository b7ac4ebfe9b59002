defmodule Xavos.ErrorMessagesTest do
  use ExUnit.Case, async: true

  alias Ash.Error.Changes.InvalidAttribute
  alias Xavos.ErrorMessages

  test "placeholders are filled, whatever the value is" do
    for {value, text} <- [{3, "3"}, {"x", "x"}, {nil, ""}, {[1, 2], "[1, 2]"}, {~r/a/, "~r/a/"}] do
      error = InvalidAttribute.exception(field: :capacity, message: "is %{it}", vars: [it: value])
      assert ErrorMessages.message(error) == "is #{text}"
      assert ErrorMessages.with_field(error) == "capacity is #{text}"
    end
  end

  test "all errors are told, those within others as well" do
    one = InvalidAttribute.exception(field: :name, message: "is missing")
    two = %RuntimeError{message: "first line\nsecond line"}
    error = %{errors: [one, %{errors: [two]}]}
    assert ErrorMessages.join(error) == "is missing; first line"
    assert ErrorMessages.join(error, &ErrorMessages.with_field/1) == "name is missing; first line"
    assert ErrorMessages.join(two) == "first line"
  end
end
