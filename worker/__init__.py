"""Workers: from a claimed chunk of a job to committed masks."""
