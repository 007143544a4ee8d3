"""The paper's experiments as programs: `sda`, the network of the Theano tutorial, and `larochelle`, the paper's table.

Both are resumable, choose by the validation error, and leave their numbers beside the published ones.
"""
