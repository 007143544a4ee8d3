"""How fast a training step is, and an epoch, beside other libraries doing the same work on the same machine.

`works` says what is done, `competitors` who does it, `limits` what the machine could do, `measure` checks each
competitor and then times all in turn, `report` and `figure` show the result; `measure_epochs`, `epoch_report` and
`epoch_figure` do so for whole epochs through `fit`. `memory` and `scale` measure the library alone: the peak of its
memory, and how its time grows with the data. The command is ``scratchdae bench``.
"""
