"""The SQL tables of: what each stay measured, and the sums behind the cockpit."""
