"""Workers: a fake one without a model, a real one with a tiny model, and jobs for both."""
