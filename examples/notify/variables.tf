# No inputs: replace the values in main.tf.
