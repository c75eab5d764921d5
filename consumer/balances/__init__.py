"""Balances: keeps the topics of each certificate's newest state, and compares them with the tables."""
