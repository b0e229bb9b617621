"""Background threads and processes: heartbeats, leases, the watchdog, and single flight."""
