"""The compiled twins of the loops of layers."""
