"""What is kept on this computer: cases with their results, readers' decisions, callipers.

One SQLite file in the folder of the user's data. It is the clinic's own local data and holds
patients' names and numbers, so that cases can be searched; it is readable by its owner alone and
nothing of it is ever sent or logged. See README.md beside this file.
"""
