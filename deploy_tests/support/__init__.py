"""What the checks share: users, records, clients and facts of the application under test."""
