defmodule Shop.Repo.Migrations.Before do
  use Ecto.Migration

  def change do
    create table(:teams) do
      add :name, :text
    end

    create table(:users) do
      add :email, :text, null: false
      add :name, :string, size: 50
      add :age, :integer
      add :price, :decimal, precision: 10, scale: 2
      add :team_id, :bigint
    end

    create index(:users, [:age])

    create table(:logs, primary_key: false) do
      add :at, :utc_datetime
    end
  end
end
