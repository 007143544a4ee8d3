"""The formats of the files that a user may bring, a family a file; `scratchdae.datasets.files` is their door."""
