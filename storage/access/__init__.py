"""Who may do what: API keys, owners of jobs, datasets and uploads, quotas, and the audit log."""
