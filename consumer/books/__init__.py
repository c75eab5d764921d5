"""Books: what the facts mean in money, as lines of an append-only journal. The rules stand here and nowhere else."""
