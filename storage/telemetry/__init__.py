"""Telemetry of the processes of the service: logs, metrics and readiness."""
