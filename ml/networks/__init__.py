"""Networks: uint8 RGB images in, float32 logits out.

Keras has settings of its user, in `~/.keras/keras.json`. Those that change a network are set here.
"""

import keras

keras.config.set_floatx("float32")
keras.config.set_image_data_format("channels_last")
