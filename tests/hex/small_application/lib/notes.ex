defmodule Small.Colour do
  use Ash.Type.Enum, values: [:red, :green]
end

defmodule Small.Note do
  use Ash.Resource, domain: Small.Notes

  attributes do
    uuid_primary_key(:id)
    attribute(:title, :string, allow_nil?: false, public?: true, constraints: [max_length: 10])
    attribute(:body, :string, public?: true, constraints: [trim?: false])
    attribute(:rank, :integer, public?: true, constraints: [min: 1, max: 5])
    attribute(:done, :boolean, public?: true, default: false)
    attribute(:due, :date, public?: true)
    attribute(:colour, Small.Colour, public?: true)
    attribute(:tags, {:array, :string}, public?: true)
    attribute(:secret, :string)
  end

  actions do
    defaults([:read])

    create :write do
      primary?(true)
      accept([:title, :body, :rank, :done, :due, :colour, :tags])
      argument(:reason, :string, allow_nil?: false)
      change(set_attribute(:secret, "set"))
    end
  end
end

defmodule Small.Notes do
  use Ash.Domain, otp_app: :small

  resources do
    resource(Small.Note)
  end
end
