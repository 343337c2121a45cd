"""The command ``sentinel``: one module a group of subcommands."""
