"""The SQL tables of: changes of parameters: proposed, decided, in force."""
