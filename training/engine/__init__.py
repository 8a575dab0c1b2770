"""The engine of every training: command line, batches, loop, log, checkpoints, several processes.

It knows no faces and no sound: datasets say how long they are, trainers what a step is.
"""
