"""`make gpu-check`: whether a graphics processor gives the right masks, and how fast."""
