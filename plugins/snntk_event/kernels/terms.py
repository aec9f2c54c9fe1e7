"""The columns of a table of terms: one row describes one sum of spikes times weights."""

KIND, ENTRIES, STARTS, VIEW, SEGMENT_STARTS, SEGMENTS, WEIGHTS, SCALE, ROWS = range(9)
FIRST_BLOCK, BLOCKS, FLUSH, COLUMNS, WIDTH = range(9, 14)
FIELDS = 16

GATHER_INTEGERS, GATHER_FLOATS, GROUPED = range(3)
"""Kinds: weight rows of 8-bit integers, weight rows of floats, and rows that reach a few channels of their own."""

TRAINS, TRAINS_OF_IMAGE, POSITIONS, QUADS, TAP_STARTS, TAP_WORDS, TAP_LANES = range(7)
QUAD_STARTS, QUAD_SEGMENTS, QUAD_ROWS, QUAD_WEIGHTS, STEPS_OF_WEIGHTS, FIRST_SIXTEEN, SIXTEENS = range(7, 14)
"""The columns of another table: terms whose spikes are counted as bytes, see `products`."""

QUAD = 4  # bytes that are multiplied at once
LANES = 16  # sums that one instruction adds to
PATTERNS = 15  # of four steps in which a unit may spike
STEPS = 8  # steps that are summed at once; trains hold a multiple of them
