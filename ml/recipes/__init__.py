"""Recipes: repeatable training runs, in code."""
