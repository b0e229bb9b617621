"""What a client needs: a stub of the service, folders of photos, the async client in sync calls."""
