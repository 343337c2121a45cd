"""The SQL tables of: what makes alerts a queue of work: expected loss, department, assignee, due time, cluster, views."""
