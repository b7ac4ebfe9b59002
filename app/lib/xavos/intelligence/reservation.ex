defmodule Xavos.Intelligence.Reservation do
  @moduledoc """
  The maximum cost of a running request, in US dollars. It is stored in the database for all VMs until the advice is
  stored. If the VM is killed the reservation stays, because the request may have been paid.

  Nobody but the system reads or writes it (`Xavos.Intelligence.Spending`).
  """
  use Ash.Resource,
    otp_app: :xavos,
    domain: Xavos.Intelligence,
    data_layer: AshPostgres.DataLayer,
    authorizers: [Ash.Policy.Authorizer],
    extensions: [],
    fragments: []

  postgres do
    table "advice_reservations"
    repo Xavos.Repo

    check_constraints do
      check_constraint :amount, "advice_reservations_amount_positive",
        check: "amount > 0",
        message: "must be more than nothing"
    end

    custom_indexes do
      index [:inserted_at]
    end
  end

  actions do
    defaults [:read, :destroy]

    create :reserve do
      primary? true
      accept [:amount]
    end
  end

  policies do
    policy always() do
      forbid_if always()
    end
  end

  attributes do
    uuid_primary_key :id
    attribute :amount, :decimal, allow_nil?: false
    create_timestamp :inserted_at
  end
end
