"""Networks: uint8 RGB images in, float32 logits out."""
