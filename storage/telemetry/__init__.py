"""What the processes of the service tell of themselves: logs, metrics and readiness."""
