"""What runs beside the images: periodic duties, the watchdog, and work shared between threads."""
