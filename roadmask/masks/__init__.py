"""Masks: the taxonomy, the canonical PNG, confidence and scores; other formats in `formats/`."""
