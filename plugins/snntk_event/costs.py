"""What work costs, in seconds on one core of a Zen 4 EPYC (2.6 GHz, AVX-512, OpenBLAS).  Only ratios matter.

They decide which exact way a layer takes and what is handed to another thread, never what comes out.  How many bytes
the loops touch at once, for a second-level cache of 1 MiB, stands in `kernels.layer`.
"""

# From layers of 16 x 16 x 128 to 64 and 512 channels with kernels of 3 x 3, 4 images of 32 steps, at densities of 0.01
# to 0.87: a weight added, a product, an element of a patch; a tap of a position found; a current written and read.
ADD_INTEGER = 1 / 80e9
ADD_FLOAT = 1 / 30e9
ADD_GROUP = 1 / 1e9
PRODUCT = 1 / 40e9
PATCH = 1 / 3e9
TAKE = 5e-9
PUT = 2e-9

# From LeNet at densities of 0.02 to 0.5: an event listed, a view position looked at, a stretch of events met; 64
# products of bytes; a quad of a tap counted.
LIST = 1.5e-9
LOOK = 8e-9
MEET = 4e-9
DOTS = 0.3e-9
COUNT = 0.4e-9

# From VGG-11 at densities of 0.001 to 0.3, of patterns of four steps, for each of these steps: the same, and the sum of
# a pattern in a block of channels added to its steps.
LIST_OF_PATTERN = 4e-9
LOOK_OF_PATTERNS = 27e-9
MEET_OF_PATTERNS = 11e-9
VISIT = 32e-9

TURN = 9e-9  # a word of masks is put into trains, or made of them
SCAN = 1 / 10e9  # a neuron takes a step
POOL = 5e-7  # a word of masks goes through a pool of maxima
WORTH = 2e-4  # handing work to another thread pays from here on
