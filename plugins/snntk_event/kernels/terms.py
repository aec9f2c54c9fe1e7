"""The columns of a table of terms: one row describes one sum of spikes times weights."""

KIND, ENTRIES, STARTS, VIEW, SEGMENT_STARTS, SEGMENTS, WEIGHTS, SCALE, ROWS = range(9)
FIRST_BLOCK, BLOCKS, FLUSH, COLUMNS, WIDTH = range(9, 14)
FIELDS = 16

GATHER_INTEGERS, GATHER_FLOATS, GROUPED = range(3)
"""Kinds: weight rows of 8-bit integers, weight rows of floats, and rows that reach a few channels of their own."""
