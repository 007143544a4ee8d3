"""A training in each framework, as the doctor asks for it."""
