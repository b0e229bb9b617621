"""Other ways to serve the same network, each as its own documentation recommends it."""
